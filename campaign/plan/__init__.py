"""What will be done: pipeline, keys, cost, room, why."""
