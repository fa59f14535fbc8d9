#!/bin/bash

# Parameters
#SBATCH --cpus-per-task=2
#SBATCH --gpus-per-node=1
#SBATCH --job-name=table1-0123abcd-2bea9a8d
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --open-mode=append
#SBATCH --output=/shared/runs/table1-0123abcd/slurm/%j/%j_0_log.out
#SBATCH --requeue
#SBATCH --signal=B:USR2@120
#SBATCH --time=60

# setup
export PYTHONPATH=/shared/runs/table1-0123abcd/code${PYTHONPATH:+:$PYTHONPATH}
export CAMPAIGN_LAUNCHER='apptainer exec --nv --bind /etc/slurm,/scratch,/shared/runs /shared/campaign.sif'

# command
export SUBMITIT_EXECUTOR=slurm
exec apptainer exec --nv --bind /etc/slurm,/scratch,/shared/runs /shared/campaign.sif python3 -P -u -m submitit.core._submit /shared/runs/table1-0123abcd/slurm/%j
