"""A real Slurm with virtual nodes on one machine: own network, own accounts, nodes that a power cut may hit."""

from slurm_lab.lab import SlurmLab
from slurm_lab.packages import LabUnavailable

__all__ = ["LabUnavailable", "SlurmLab"]
