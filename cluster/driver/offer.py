"""What the connected Ray offers to tasks."""

from __future__ import annotations

import queue
import threading

import ray

from cluster.driver.errors import ClusterLostError

ANSWER_SECONDS, ATTEMPTS = 20.0, 3


def offered() -> dict[str, float]:
    """Resources of all nodes that are alive, by Ray's names for them.

    Ray's head may lose the question, seen once on a busy machine, and then the call never returns: it is asked again.

    Raises
    ------
    ClusterLostError
        There is no answer.
    """
    answers: queue.SimpleQueue[dict[str, float] | Exception] = queue.SimpleQueue()
    for _ in range(ATTEMPTS):
        threading.Thread(target=_ask, args=(answers,), name="resources", daemon=True).start()
        try:
            answer = answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            continue
        if isinstance(answer, Exception):
            raise answer
        return answer
    raise ClusterLostError(
        f"Ray does not say within {ATTEMPTS * ANSWER_SECONDS:g} s what it offers; look into its logs"
    )


def offered_cpus() -> int:
    """CPUs of all nodes that are alive."""
    return int(offered().get("CPU", 0))


def _ask(answers: queue.SimpleQueue[dict[str, float] | Exception]) -> None:
    try:
        answers.put(ray.cluster_resources())
    except Exception as error:
        answers.put(error)
