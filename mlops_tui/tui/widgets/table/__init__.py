"""The pure parts of the table: which columns fit, which rows are here, which are marked, how a line looks."""
