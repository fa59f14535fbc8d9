"""All of it for the shell, over `api`."""
