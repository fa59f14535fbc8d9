"""New designs from a finished run: propose, make them writable, simulate, keep the best."""
