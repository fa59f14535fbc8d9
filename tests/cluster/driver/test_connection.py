"""Nobody is within Ray when the driver leaves it."""

from __future__ import annotations

import threading
import time

import pytest
import ray

from cluster.driver.connection import DisconnectedError, connection
from cluster.driver.coordinator import Mailbox, run_coordinated


def test_the_end_waits_for_whoever_is_within(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(ray, "shutdown", lambda: order.append("shut down"))
    entered = threading.Event()

    def stay() -> None:
        with connection.in_use():
            entered.set()
            try:
                while True:
                    connection.raise_if_ending()
                    time.sleep(0.01)
            except DisconnectedError:
                order.append("left")

    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait()
    connection.end()
    thread.join()
    assert order == ["left", "shut down"]
    with connection.in_use():  # of another Ray
        connection.raise_if_ending()


def test_who_does_not_leave_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr("cluster.driver.connection.PATIENCE_SECONDS", 0.05)
    with connection.in_use():
        connection.end()


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_coordinated_call_leaves_when_the_driver_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)  # other tests use this Ray
    ended: list[BaseException] = []
    began = threading.Event()

    def work(mailbox: Mailbox) -> None:
        mailbox.send("began")
        time.sleep(600)

    def lead() -> None:
        try:
            run_coordinated(work, lambda message: began.set())
        except DisconnectedError as error:
            ended.append(error)

    thread = threading.Thread(target=lead)
    thread.start()
    assert began.wait(60)
    connection.end()
    thread.join(10)
    assert len(ended) == 1
