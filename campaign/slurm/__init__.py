"""Campaigns as Slurm jobs: the profile, its check, the submission, and what runs in the job."""
