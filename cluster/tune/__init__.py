"""Hyperparameter sweeps on Ray Tune that give the same winner on any number of CPUs."""
