"""RCWA without an eigen-decomposition: matrix products and LU factorisations only."""
