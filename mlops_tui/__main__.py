"""`python -m mlops_tui` is `mlops-tui`."""

from mlops_tui.cli.main import main

main()
