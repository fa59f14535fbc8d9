"""Connections to this machine and to a standing cluster."""

from __future__ import annotations

import socket

import pytest

from campaign.doctor import network
from campaign.doctor.check import Check


def test_closed_loopback_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(network.socket, "create_connection", refuse)

    check = network.check_loopback()

    assert check.status == "failure"
    assert check.message == "cannot connect to a port of 127.0.0.1: [Errno 1] Operation not permitted"


def test_ports_that_are_all_taken_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.check_ports().status == "ok"

    def refuse() -> None:
        raise RuntimeError("no 16 free ports in a row between 20000 and 32767: 798 blocks are all in use")

    monkeypatch.setattr(network, "lock_block", refuse)
    check = network.check_ports()
    assert check.status == "failure"
    assert check.message.startswith("no 16 free ports in a row")


def test_a_host_whose_name_nobody_knows_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.socket, "gethostname", lambda: "node7")
    monkeypatch.setattr(network.socket, "gethostbyname", lambda name: "10.0.0.7")
    assert network.check_host_name() == Check("host name", "ok", "node7 is 10.0.0.7")

    def unknown(name: str) -> str:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(network.socket, "gethostbyname", unknown)
    check = network.check_host_name()
    assert check.status == "warning"
    assert check.fix == "add the name to /etc/hosts, or ask for a name server that knows node7"


def test_cluster_is_there_when_its_port_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert network.check_cluster("auto").status == "ok"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert network.check_cluster(address) == Check("cluster", "ok", f"something listens at {address}")
    check = network.check_cluster(address)
    assert check.status == "failure"
    assert check.message.startswith(f"nothing answers at {address}: ")
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert network.check_cluster("auto").status == "failure"
