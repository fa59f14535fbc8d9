"""Single-threaded workers behind ``concurrent.futures``, on Ray or in this process, and many units through them."""
