"""What a running batch job knows of itself, and how it goes on in the next one."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import submitit

from cluster.node.allocation import cpus_on_nodes
from cluster.slurm.controller import SlurmError, call, patiently

log = logging.getLogger(__name__)

TIME_LEFT = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
LAUNCHER_VARIABLE = "CAMPAIGN_LAUNCHER"  # words before Python's command on other nodes: those of a container
WARNINGS = (signal.SIGUSR2, signal.SIGTERM)


@dataclass(frozen=True)
class BatchJob:
    """This job.

    Attributes
    ----------
    job
        Its id.
    hosts
        Its nodes by name, the first being this one.
    cpus_on
        CPUs of each node, in the order of ``hosts``.
    restarts
        How often Slurm put it back into the queue.
    ends
        When Slurm will end it, seconds since the epoch; counted from its start, however late this was asked.
    """

    job: str
    hosts: tuple[str, ...]
    cpus_on: tuple[int, ...]
    restarts: int
    ends: float

    @classmethod
    def here(cls, minutes: int, environment: Mapping[str, str] = os.environ) -> BatchJob:
        """The job that this process belongs to; ``minutes`` is the limit that was asked for.

        Raises
        ------
        RuntimeError
            This process is in no job.
        """
        if "SLURM_JOB_ID" not in environment:
            raise RuntimeError("this function runs in a Slurm job, and SLURM_JOB_ID is not set here")
        job, now = environment["SLURM_JOB_ID"], time.time()
        try:
            left = time_left(patiently(lambda: call("squeue", "--noheader", f"--jobs={job}", "--format=%L"), "squeue"))
        except SlurmError as error:
            log.warning("the job's end is counted from now, as Slurm does not tell it: %s", error.said)
            left = None
        return cls(
            job=job,
            hosts=tuple(submitit.JobEnvironment().hostnames),
            cpus_on=cpus_on_nodes(
                environment.get("SLURM_JOB_CPUS_PER_NODE", environment.get("SLURM_CPUS_ON_NODE", ""))
            ),
            restarts=int(environment.get("SLURM_RESTART_COUNT", "0")),
            ends=now + (60.0 * minutes if left is None else left),
        )

    def is_running(self) -> bool:
        """Whether Slurm lets it run on: False once it was cancelled, preempted or requeued.

        Raises
        ------
        SlurmError
            The controller does not answer.
        """
        state = patiently(lambda: call("squeue", "--noheader", f"--jobs={self.job}", "--format=%T"), "squeue")
        return state.strip() == "RUNNING"

    def requeue(self) -> None:
        """Put this job back into the queue, which ends it.

        Raises
        ------
        SlurmError
            Slurm will not.
        """
        patiently(lambda: call("scontrol", "requeue", self.job), "scontrol requeue")


def time_left(text: str) -> float | None:
    """Seconds from ``squeue --format=%L``: ``59:58``, ``11:59:58``, ``6-23:59:58``; None for no limit."""
    match = TIME_LEFT.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


@contextmanager
def warned(tell: Callable[[str], None]) -> Iterator[None]:
    """Call ``tell`` with the name of each warning from Slurm, for a ``with`` block in the main thread."""

    def hear(number: int, frame: FrameType | None) -> None:
        tell(signal.Signals(number).name)

    before = {number: signal.signal(number, hear) for number in WARNINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
