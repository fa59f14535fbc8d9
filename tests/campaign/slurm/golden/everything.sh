#!/bin/bash

# Parameters
#SBATCH --account=optics
#SBATCH --constraint=a100
#SBATCH --cpus-per-task=2
#SBATCH --exclusive
#SBATCH --gpus-per-node=1
#SBATCH --job-name=table1-0123abcd-2bea9a8d
#SBATCH --mail-type=END,FAIL
#SBATCH --mail-user=me@example.org
#SBATCH --mem=4608M
#SBATCH --no-requeue
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --open-mode=append
#SBATCH --output=/shared/runs/table1-0123abcd/slurm/%j/%j_0_log.out
#SBATCH --partition=main
#SBATCH --qos=high
#SBATCH --signal=B:USR2@90
#SBATCH --time=60

# setup
module load python/3.11
module load 'odd name'
source ~/venv/bin/activate
export PYTHONPATH=/shared/runs/table1-0123abcd/code${PYTHONPATH:+:$PYTHONPATH}

# command
export SUBMITIT_EXECUTOR=slurm
exec /usr/bin/python3 -P -u -m submitit.core._submit /shared/runs/table1-0123abcd/slurm/%j
