"""Training in step with Ray Train, or by one worker in this process."""
