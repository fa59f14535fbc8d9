"""Where work runs: a Ray runtime, a pool of workers, fan-out, distributed training and sweeps; nothing of what."""
