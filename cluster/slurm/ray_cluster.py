"""A Ray cluster on the nodes of this job, and nodes that other jobs lend to it."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cluster.node.rendezvous import Head, answers, read_head, wait_for_head
from cluster.slurm.batch_job import LAUNCHER_VARIABLE, BatchJob

log = logging.getLogger(__name__)

HEAD_SECONDS = 300.0
END_SECONDS = 30.0
POLL_SECONDS = 1.0
# How long a lent node looks for the head of a campaign, which may just be starting again elsewhere.
LOOK_SECONDS = 180.0


@contextmanager
def ray_on_nodes(job: BatchJob, rendezvous: Path, options: Sequence[str] = (), *, dashboard: bool) -> Iterator[Head]:
    """A head on this node and a Ray node on each other one of the job, for a ``with`` block.

    A node that fails or does not come up is missed and nothing more.

    Parameters
    ----------
    job
        This job.
    rendezvous
        New folder that all nodes see; Ray's logs are kept in it.
    options
        Further arguments of ``cluster.node.keeper`` for all nodes.
    dashboard
        Whether the head has one.

    Raises
    ------
    TimeoutError
        The head did not come up.
    """
    rendezvous.mkdir(parents=True)
    options = ["--rendezvous", str(rendezvous), "--logs", str(rendezvous / "logs"), *options]
    with ExitStack() as stack:
        shown = ["--dashboard"] if dashboard else []
        command = [*_keeper("head"), *options, "--host", "auto", "--lifeline", *shown]
        head = stack.enter_context(_running(command, rendezvous / "head.log"))
        for host, cpus in zip(job.hosts[1:], job.cpus_on[1:], strict=True):
            step = [*step_on(host, cpus), *_keeper("worker"), *options]
            stack.enter_context(_running(step, rendezvous / f"{host}.log"))
        yield _wait_for(head, rendezvous)


def lend_node(find: Callable[[], Path | None], until: float, drain_seconds: float, leave: threading.Event) -> str:
    """Lend this node, all that the job has of it, to the Ray cluster of a campaign.

    Parameters
    ----------
    find
        The present rendezvous of the campaign, None while it has none.
    until
        When to leave, seconds since the epoch; work that runs then has ``drain_seconds`` left.
    drain_seconds
        Between the end of new work on this node and the node's own end.
    leave
        Set when the node is to leave before that.

    Returns
    -------
    str
        Why it ended, in words.
    """
    rendezvous = _present_head(find)
    if rendezvous is None:
        return "no campaign to join: its head does not answer"
    command = [*_keeper("worker"), "--rendezvous", str(rendezvous), "--lifeline"]
    command += ["--drain-seconds", f"{drain_seconds:g}"]
    with _running(command, None, drain_seconds) as node:
        while node.poll() is None and time.time() < until and not leave.wait(POLL_SECONDS):
            pass
        if node.poll() is not None:
            return "the campaign's head has gone"
    return "the job's time is over"


def _present_head(find: Callable[[], Path | None]) -> Path | None:
    deadline = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < deadline:
        rendezvous = find()
        head = read_head(rendezvous) if rendezvous is not None else None
        if head is not None and answers(head.address):
            return rendezvous
        time.sleep(POLL_SECONDS)
    return None


def _keeper(role: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cluster.node.keeper", role]  # -P: not from the working directory


def step_on(host: str, cpus: int) -> list[str]:
    """srun for one process on one node: it may share the node with the batch process, and other nodes may die.

    In a container, where this process runs in one.
    """
    launcher = shlex.split(os.environ.get(LAUNCHER_VARIABLE, ""))
    return ["srun", "--overlap", "--no-kill", "--nodes=1", "--ntasks=1", f"--nodelist={host}",
            f"--cpus-per-task={cpus}", "--unbuffered", *launcher]  # fmt: skip


def _wait_for(head: subprocess.Popen[bytes], rendezvous: Path) -> Head:
    try:
        return wait_for_head(rendezvous, HEAD_SECONDS, lambda: head.poll() is not None)
    except TimeoutError as error:
        said = (rendezvous / "head.log").read_text(errors="replace").strip().splitlines()[-3:]
        raise TimeoutError(f"Ray's head did not come up: {' '.join(said) or error}") from error


@contextmanager
def _running(command: Sequence[str], log_file: Path | None, grace: float = 0.0) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end when the block is left, and made to when it does not."""
    with contextlib.nullcontext() if log_file is None else log_file.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_SECONDS + grace)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
