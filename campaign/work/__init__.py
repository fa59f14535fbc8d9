"""What a stage may use: workers, units, stores, time."""
