-- Packs say why a run failed and by which version one predicts, too: all runs are packed anew (packs.py).
DELETE FROM run_packs;
