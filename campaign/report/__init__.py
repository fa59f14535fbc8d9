"""Results into tables, figures, page."""
