"""Processes of Ray on one machine: what it may use, its ports and folder, and the keeper that starts and ends them."""
