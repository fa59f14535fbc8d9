"""Campaigns as Slurm jobs: request, job, submission, and what the queue says of them."""
