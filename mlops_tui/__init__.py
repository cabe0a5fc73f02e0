"""mlops-tui: the whole life of a machine-learning model in one terminal app."""

__version__ = "0.1.0"
