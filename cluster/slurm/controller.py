"""Slurm's commands, asked patiently: a busy controller is asked again later, and seldom."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

CALL_SECONDS = 60.0
FIRST_PAUSE_SECONDS, ATTEMPTS = 2.0, 6  # 2, 4, 8, 16 and 32 s between the attempts
POLL_SECONDS = 30.0  # between two looks at the queue, for all jobs at once
LONGEST_POLL_SECONDS = 300.0

# What Slurm says when the same request would fail again.
HOPELESS = (
    "invalid",
    "unable to open file",
    "not found",
    "not available",
    "not permitted",
    "permission denied",
    "access denied",
    "violates",
    "unrecognized",
    "unspecified",
    "illegal",
    "exceed",
    "user's group not permitted",
    "requested node configuration",
    "requested partition configuration",
    "job dependency problem",
    "configuration source",
    "no such command",
)
# States of nodes, which may have a mark behind them such as the * of one that does not answer.
UNUSABLE = re.compile(r"down|drain|fail|maint|power|reboot|unknown|no_respond|\w+\*$")
BUSY = ("timed out", "temporarily", "unable to contact", "connection refused", "try again", "communication")


class SlurmError(Exception):
    """Slurm refused, or did not answer for a while; holds its own words."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        self.said = said.strip()
        super().__init__(f"`{command[0]}` failed: {self.said or 'without a word'}")


def has_slurm() -> bool:
    """Whether this machine belongs to a Slurm cluster: its commands are here, and configured."""
    if shutil.which("sbatch") is None:
        return False
    try:
        call("scontrol", "show", "hostnames", "localhost")  # asks the configuration, not the controller
    except SlurmError:
        return False
    return True


def call(*command: str) -> str:
    """Run one of Slurm's commands once; its output.

    Raises
    ------
    SlurmError
        It failed, is not there, or did not end in a minute.
    """
    try:
        done = subprocess.run(
            command, env=outside_of_jobs(), capture_output=True, text=True, timeout=CALL_SECONDS, check=False
        )
    except FileNotFoundError:
        raise SlurmError(command, "there is no such command on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(command, f"timed out after {CALL_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise SlurmError(command, done.stderr or done.stdout)
    return done.stdout


def outside_of_jobs() -> dict[str, str]:
    """This environment without what Slurm put there: a job sent from a job takes nothing over from it."""
    kept = ("SLURM_CONF",)
    return {name: value for name, value in os.environ.items() if not name.startswith("SLURM_") or name in kept}


def is_hopeless(error: SlurmError) -> bool:
    """Whether asking again is of no use."""
    said = error.said.lower()
    return not any(words in said for words in BUSY) and any(words in said for words in HOPELESS)


def patiently(ask: Callable[[], Answer], what: str, pause: Callable[[float], object] = time.sleep) -> Answer:
    """Ask until Slurm answers, with growing pauses.

    Parameters
    ----------
    ask
        Raises ``SlurmError`` when it fails; may be called several times.
    what
        For the log, for example ``"sbatch"``.
    pause
        Waits so many seconds.

    Raises
    ------
    SlurmError
        What Slurm said last, after a refusal that will not change or the last attempt.
    """
    seconds = FIRST_PAUSE_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except SlurmError as error:
            if is_hopeless(error) or attempt == ATTEMPTS:
                raise
            log.warning("%s did not work, once more in %.0f s: %s", what, seconds, error.said)
        pause(seconds)
        seconds *= 2
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True)
class JobState:
    """One job as the controller has it.

    Attributes
    ----------
    job
        Its id.
    name
        Its name.
    state
        For example ``PENDING``, ``RUNNING``, ``COMPLETED``.
    reason
        Why it waits, or ``None`` as Slurm writes it.
    comment
        What was said of it when it was sent.
    nodes
        That it has, as Slurm writes them: ``node[1-2],node7``; empty while it waits.
    start
        When it started, or is expected to: ``2026-01-31T12:00:00``, or ``N/A``.
    """

    job: str
    name: str
    state: str
    reason: str
    comment: str
    nodes: str = ""
    start: str = "N/A"

    @property
    def is_alive(self) -> bool:
        """Whether it runs or will run."""
        return self.state in {"PENDING", "RUNNING", "CONFIGURING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "RESIZING",
                              "SIGNALING", "STAGE_OUT", "STOPPED", "SPECIAL_EXIT", "REQUEUE_FED"}  # fmt: skip

    @property
    def is_ending(self) -> bool:
        """Whether its processes are being ended, which may take them half a minute."""
        return self.state == "COMPLETING"


def jobs_named(names: str) -> list[JobState]:
    """This user's jobs of some names, separated by commas, as far as the controller remembers them: one call.

    Raises
    ------
    SlurmError
        The controller did not answer.
    """
    listed = call(
        "squeue", "--noheader", "--me", "--states=all", "--array", f"--name={names}", "--format=%A|%j|%T|%r|%N|%S|%k"
    )
    return [_job_state(*line.strip().split("|", 6)) for line in listed.splitlines()]


def _job_state(job: str, name: str, state: str, reason: str, nodes: str, start: str, comment: str) -> JobState:
    return JobState(job, name, state, reason, comment, nodes, start)


def failed_nodes(nodes: Sequence[str]) -> dict[str, str]:
    """Those of some nodes that cannot be used at present, with the state of each in Slurm's words: one call.

    Raises
    ------
    SlurmError
        The controller did not answer.
    """
    listed = call("sinfo", "--noheader", "--Node", f"--nodes={','.join(nodes)}", "--format=%N|%T")
    states = dict(line.strip().split("|", 1) for line in listed.splitlines())
    return {node: state for node, state in states.items() if UNUSABLE.match(state)}


def cancel(jobs: Sequence[JobState]) -> None:
    """End jobs, all in one call; those that ended by themselves meanwhile are no error."""
    if jobs:
        patiently(lambda: call("scancel", *(job.job for job in jobs)), "scancel")


class QueueWatch:
    """Jobs by name, looked up at most every half minute, and less often while the controller is busy."""

    def __init__(self, names: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._names = names
        self._clock = clock
        self._pause = POLL_SECONDS
        self._next = clock()

    def look(self) -> list[JobState] | None:
        """All the jobs, ended ones of late included; None when it is too early, or Slurm does not answer."""
        if self._clock() < self._next:
            return None
        try:
            jobs = jobs_named(self._names)
            self._pause = POLL_SECONDS
        except SlurmError as error:
            self._pause = min(2 * self._pause, LONGEST_POLL_SECONDS)
            log.warning("the queue could not be read, next look in %.0f s: %s", self._pause, error.said)
            jobs = None
        self._next = self._clock() + self._pause
        return jobs
