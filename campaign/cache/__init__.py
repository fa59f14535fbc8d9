"""Results of stages: content addresses on disk, lease of a folder, its owner."""
