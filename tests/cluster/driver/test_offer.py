"""What a cluster offers, where its head loses the question, and where it does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cluster.driver import offer
from cluster.driver.errors import ClusterLostError
from cluster.driver.offer import offered, offered_cpus


def loses(count: int) -> Callable[[], dict[str, float]]:
    """Ray's call, of which the first so many never return."""
    asked, never = [0], threading.Event()

    def ask() -> dict[str, float]:
        asked[0] += 1
        if asked[0] <= count:
            never.wait()
        return {"CPU": 4.0, "GPU": 1.0}

    return ask


def test_a_lost_question_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(offer.ray, "cluster_resources", loses(2))
    assert offered_cpus() == 4


def test_a_cluster_that_does_not_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(offer.ray, "cluster_resources", loses(3))
    with pytest.raises(ClusterLostError, match=r"^Ray does not say within 0.15 s what it offers; look into its logs$"):
        offered()


def test_what_ray_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> dict[str, float]:
        raise RuntimeError("not connected")

    monkeypatch.setattr(offer.ray, "cluster_resources", fails)
    with pytest.raises(RuntimeError, match=r"^not connected$"):
        offered()
