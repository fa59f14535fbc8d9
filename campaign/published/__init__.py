"""Published data: compare, calibrate."""
