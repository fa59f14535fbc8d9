"""Simulations on disk: Zarr stores, their layout, shards, columns laid together, and whether they are whole."""
