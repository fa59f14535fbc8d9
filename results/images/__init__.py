"""Images of one's own: read from files of many kinds, made square and of two phases; in the key of what uses them."""
