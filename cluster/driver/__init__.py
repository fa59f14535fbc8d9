"""The driver's side of a Ray cluster: its connection, the source it ships, and what goes wrong elsewhere."""
