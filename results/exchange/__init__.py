"""Simulation stores as single files of other formats, and back: the same rows, bit by bit, and the same facts."""
