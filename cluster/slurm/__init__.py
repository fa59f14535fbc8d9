"""Slurm: what a cluster has, jobs sent through submitit, and what a job knows of itself."""
