"""A Ray library's blocking call, moved out of the driver: its messages arrive here, and Ctrl-C ends all of it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.driver.connection import connection
from cluster.driver.errors import WorkerLostError
from cluster.driver.ray_errors import original_error
from cluster.driver.ray_private import remove_orphaned_groups

Result = TypeVar("Result")

# Threads of the coordinating actor: the call, the driver's waiting receive, and those that send.
COORDINATOR_THREADS = 4
RECEIVE_TIMEOUT_S = 0.2

# How long to look for reservations of a coordinator that was ended; there are none if it had not begun.
ORPHAN_TIMEOUT_S, ORPHAN_POLL_S = 1.0, 0.05
RELEASE_SECONDS = 5.0  # between looks for reservations that outlived their owner


class Mailbox:
    """Way back to the driver, for use in any process of the cluster."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator

    def send(self, message: Any) -> None:
        """Hand a picklable message to the driver; it is there before this returns."""
        ray.get(self._coordinator.post.remote(message))


class Coordinator:
    """Actor without a CPU of its own in which the blocking call runs, on a thread that is not the main one.

    What the call starts is owned by this actor and ends with it. Ray Train and Tune install no signal handlers
    outside a main thread, and what they print stays in this process.
    """

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self, function: Callable[[Mailbox], Result]) -> Result:
        """Call the function with a mailbox whose messages :meth:`receive` returns."""
        return function(Mailbox(ray.get_runtime_context().current_actor))

    def post(self, message: Any) -> None:
        """Keep a message until it is received."""
        self._messages.put(message)

    def receive(self, timeout_s: float) -> list[Any]:
        """All messages so far, oldest first; waits up to ``timeout_s`` for one if there is none."""
        received = []
        try:
            received.append(self._messages.get(timeout=timeout_s))
            while True:
                received.append(self._messages.get_nowait())
        except queue.Empty:
            return received


@connection.in_use()
def run_coordinated(
    function: Callable[[Mailbox], Result],
    on_message: Callable[[Any], None],
    while_waiting: Callable[[], None] = lambda: None,
) -> Result:
    """Run ``function(mailbox)`` in the cluster and hand each message to ``on_message`` in the calling thread.

    ``while_waiting`` is called several times a second. Leaving by an exception, Ctrl-C or one of the two callables
    included, ends whatever the function started.

    Raises
    ------
    Exception
        What the function raised, with the traceback there as ``__cause__``.
    WorkerLostError
        The process in which it ran died.
    DisconnectedError
        The driver left Ray meanwhile.
    """
    # On the driver's own node, so that another one may go without it.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_concurrency": COORDINATOR_THREADS, "scheduling_strategy": here}
    coordinator: Any = ray.remote(Coordinator).options(**options).remote()
    try:
        outcome = coordinator.run.remote(function)
        next_release = time.monotonic() + RELEASE_SECONDS
        while not ray.wait([outcome], timeout=0)[0]:
            for message in ray.get(coordinator.receive.remote(RECEIVE_TIMEOUT_S)):
                on_message(message)
            while_waiting()
            connection.raise_if_ending()
            if time.monotonic() > next_release:
                # Of a Train controller that failed, whose successor waits for the CPUs.
                release_orphans(0.0)
                next_release = time.monotonic() + RELEASE_SECONDS
        for message in ray.get(coordinator.receive.remote(0.0)):
            on_message(message)
        result: Result = ray.get(outcome)
    except RayTaskError as error:
        ray.kill(coordinator)
        original = original_error(error)
        raise original from original.__cause__
    except BaseException as error:
        if ray.is_initialized():
            ray.kill(coordinator)
            release_orphans(ORPHAN_TIMEOUT_S)
        if isinstance(error, RayActorError):
            raise WorkerLostError(f"the process that led the work died: {error}") from error
        raise
    ray.kill(coordinator)
    return result


def release_orphans(timeout_s: float) -> int:
    """Remove placement groups of this driver whose creating actor is dead.

    Waits up to ``timeout_s`` for the first one, since Ray hears of a death a moment later.

    Returns
    -------
    int
        How many were removed.
    """
    deadline = time.monotonic() + timeout_s
    while not (removed := remove_orphaned_groups()) and time.monotonic() < deadline:
        time.sleep(ORPHAN_POLL_S)
    return removed
