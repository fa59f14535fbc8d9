"""Images as somebody would make them: layout files, smallest features, one piece or several."""
