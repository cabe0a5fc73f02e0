"""The screens, one file per noun."""
