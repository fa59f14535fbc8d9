"""Blocking calls in the cluster: their messages, errors and early ends."""

from __future__ import annotations

import os
import signal
import time

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.driver.coordinator import Mailbox, run_coordinated
from cluster.driver.errors import RemoteTracebackError, WorkerLostError

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]


def test_all_messages_arrive_in_order_before_the_result() -> None:
    def count(mailbox: Mailbox) -> str:
        for number in range(50):
            mailbox.send(number)
        return f"{os.getpid()}"

    heard: list[int] = []
    assert run_coordinated(count, heard.append) != str(os.getpid())
    assert heard == list(range(50))


def test_the_exception_is_the_original_one() -> None:
    def fail(mailbox: Mailbox) -> None:
        raise KeyError("metric")

    with pytest.raises(KeyError, match="metric") as caught:
        run_coordinated(fail, print)
    assert type(caught.value) is KeyError
    assert isinstance(caught.value.__cause__, RemoteTracebackError)


def test_an_exception_of_the_listener_ends_the_process() -> None:
    def stay(mailbox: Mailbox) -> None:
        mailbox.send(os.getpid())
        time.sleep(600)

    def interrupt(pid: int) -> None:
        pids.append(pid)
        raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run_coordinated(stay, interrupt)
    deadline = time.monotonic() + 20
    while _is_alive(pids[0]):
        assert time.monotonic() < deadline, "the process outlived its caller"
        time.sleep(0.05)


def test_a_dead_process_is_told_as_lost() -> None:
    def die(mailbox: Mailbox) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerLostError, match="the process that led the work died"):
        run_coordinated(die, print)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_dead_actor_had_reserved_is_free_again_while_the_work_goes_on() -> None:
    def work(mailbox: Mailbox) -> bool:
        reserver = ray.remote(num_cpus=0)(Reserver).remote()
        ray.get(reserver.reserve.remote())
        ray.kill(reserver)  # as Ray leaves a Train controller that failed
        again = placement_group([{"CPU": 4}])
        try:
            return bool(again.wait(timeout_seconds=60))
        finally:
            remove_placement_group(again)

    assert run_coordinated(work, lambda message: None)


class Reserver:
    def reserve(self) -> None:
        assert placement_group([{"CPU": 4}]).wait(timeout_seconds=60)
