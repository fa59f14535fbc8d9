"""Table 1: its rows and what they are judged by, its lines and columns, and the forms that it is written in."""
