-- Packs no longer hold what people say of runs (tags and notes of the ledger), which is read beside them: all runs are packed anew (packs.py).
DELETE FROM run_packs;
