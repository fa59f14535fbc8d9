"""Questions to stores: expressions, what is nearest, and the forms of an answer."""
