"""Figures: plain arrays in, a matplotlib Figure out; no pyplot, so nothing global is touched."""
