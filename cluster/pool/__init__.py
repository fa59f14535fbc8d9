"""Single-threaded workers behind ``concurrent.futures``, and many small units of work through them."""
