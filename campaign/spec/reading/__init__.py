"""YAML files into checked models: the tree of a file, the place of every error in it, and words for it."""
