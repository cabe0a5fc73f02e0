"""All of mlops-tui that touches disk: ledger, run journals, snapshots, objects and the derived index."""
