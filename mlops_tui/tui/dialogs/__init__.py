"""Questions that stand before everything else: each is a ModalScreen that returns its answer, None where it was left."""
