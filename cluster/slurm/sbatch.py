"""Jobs through submitit: the sbatch script, and sending it until Slurm has it."""

from __future__ import annotations

import io
import os
import shlex
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from cluster.slurm.batch_job import LAUNCHER_VARIABLE
from cluster.slurm.controller import SlurmError, cancel, jobs_named, outside_of_jobs, patiently

WARNING_SIGNAL = "USR2"
MOST_SIGNAL_SECONDS = 65535  # Slurm's own limit


@dataclass(frozen=True)
class JobRequest:
    """One job: what it asks for and what its script does before Python starts.

    Attributes
    ----------
    name
        Of the job; a campaign's jobs are told by it.
    folder
        For its script, pickle and log, on a file system that all nodes see; ``%j`` is the job's id.
    minutes
        Time limit.
    nodes
        Number of nodes, with one task each.
    cpus_per_node
        CPUs of each.
    gpus_per_node
        GPUs of each.
    memory_mb_per_node
        MiB of each; None leaves it to the cluster.
    warning_seconds
        How long before its end the job gets ``WARNING_SIGNAL``.
    requeue
        Whether Slurm may put it into the queue again, after a node's failure or a preemption too.
    setup
        Shell lines.
    launcher
        Words before Python's command on every node, which is that of a container then; none runs this Python.
    options
        Further options of sbatch by their long names; None leaves one out.
    """

    name: str
    folder: Path
    minutes: int
    nodes: int
    cpus_per_node: int
    gpus_per_node: int = 0
    memory_mb_per_node: int | None = None
    warning_seconds: int = 60
    requeue: bool = True
    setup: Sequence[str] = ()
    launcher: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """The request in submitit's words."""
        additional = {
            # To the batch process alone, which is the driver: what it started shall go on until it says otherwise.
            "signal": f"B:{WARNING_SIGNAL}@{min(self.warning_seconds, MOST_SIGNAL_SECONDS)}",
            "requeue" if self.requeue else "no-requeue": True,
            **{name: value for name, value in self.options.items() if value is not None},
        }
        parameters = {
            "job_name": self.name,
            "time": self.minutes,
            "nodes": self.nodes,
            "ntasks_per_node": 1,
            "cpus_per_task": self.cpus_per_node,
            "gpus_per_node": self.gpus_per_node or None,
            "mem": None if self.memory_mb_per_node is None else f"{self.memory_mb_per_node}M",
            "setup": [*self.setup, *self._exported()] or None,
            "wckey": None,
            "stderr_to_stdout": True,
            "use_srun": False,
            "additional_parameters": additional,
        }
        return {name: value for name, value in parameters.items() if value is not None or name == "wckey"}

    def _exported(self) -> list[str]:
        """What steps on other nodes need to know of the launcher."""
        return [f"export {LAUNCHER_VARIABLE}={shlex.quote(shlex.join(self.launcher))}"] if self.launcher else []


class _Executor(submitit.SlurmExecutor):
    """Makes scripts where there is no Slurm too, and sends them from inside a job as from outside."""

    @classmethod
    def affinity(cls) -> int:
        return 2

    def script(self) -> str:
        return self._make_submission_file_text(self._submitit_command_str, "")

    def _make_submission_command(self, submission_file_path: Path) -> list[str]:
        left_out = [word for name in sorted(set(os.environ) - set(outside_of_jobs())) for word in ("--unset", name)]
        return ["env", *left_out, "sbatch", str(submission_file_path)]


def script_of(request: JobRequest) -> str:
    """The sbatch script that :func:`send` would send."""
    return _executor(request).script()


def send(
    request: JobRequest,
    function: Callable[..., Any],
    *arguments: Any,
    after: str | None = None,
    count: int = 1,
    pause: Callable[[float], object] = time.sleep,
) -> str:
    """Send ``function(*arguments)`` as a job; asks again, with growing pauses, while Slurm is busy.

    Parameters
    ----------
    request
        The job.
    function
        Importable on the nodes, or picklable by value.
    arguments
        Picklable.
    after
        A job whose end, however it came, this one waits for.
    count
        How many such jobs to send, as one array.
    pause
        Waits so many seconds.

    Returns
    -------
    str
        The id of the job, or that of the first.

    Raises
    ------
    SlurmError
        Slurm refused, or was busy for too long.
    """
    mark = uuid.uuid4().hex
    attempts = 0

    def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if attempts > 1:  # a call that timed out may have made a job all the same; there must not be two
            cancel([job for job in jobs_named(request.name) if job.comment == mark and job.is_alive])
        executor = _executor(request, comment=mark, dependency=None if after is None else f"afterany:{after}")
        try:
            with redirect_stderr(io.StringIO()):  # submitit repeats there what its error says
                with executor.batch() if count > 1 else nullcontext():
                    jobs = [executor.submit(function, *arguments) for _ in range(count)]
                return str(jobs[0].job_id)
        except (FailedJobError, FailedSubmissionError) as error:
            raise SlurmError(("sbatch",), str(error)) from error

    return patiently(attempt, "sbatch", pause)


def _executor(request: JobRequest, **parameters: Any) -> _Executor:
    # exec: the driver is the batch process itself, so that Slurm's signals reach it.
    # -P: it imports nothing from the working directory.
    python = shlex.join([*request.launcher, "python3"] if request.launcher else [sys.executable])
    executor = _Executor(request.folder, python=f"exec {python} -P")
    executor.update_parameters(**request.parameters(), **parameters)
    return executor
