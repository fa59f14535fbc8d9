"""A run seen from outside: events, logs, display, run folder."""
