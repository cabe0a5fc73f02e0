"""Drawings from data to styled lines: curves, bars, matrices, intervals. No widget, no terminal, no library at import."""
