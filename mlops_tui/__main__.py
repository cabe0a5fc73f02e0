"""`python -m mlops_tui` is `mlops-tui`."""

import sys

from mlops_tui.cli.main import main

sys.exit(main())
