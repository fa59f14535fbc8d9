"""Finished runs: traced to their simulations, checked, compared, packed."""
