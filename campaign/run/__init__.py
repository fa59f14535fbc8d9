"""One run to its end."""
