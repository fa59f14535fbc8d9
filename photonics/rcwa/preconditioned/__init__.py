"""RCWA of one pattern by iterations on a few columns, preconditioned by a real stand-in in single precision."""
