"""Connections: this machine to itself, and to a standing cluster."""

from __future__ import annotations

import os
import socket

from campaign.diagnosis.check import Check

CONNECT_SECONDS = 3.0


def check_loopback() -> Check:
    """A free port on the loopback interface can be opened and reached; Ray's processes talk through such."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), CONNECT_SECONDS).close()
    except OSError as error:
        fix = "allow connections to 127.0.0.1 in the firewall or sandbox"
        return Check("loopback", "failure", f"cannot connect to a port of 127.0.0.1: {error}", fix)
    return Check("loopback", "ok", "ports on 127.0.0.1 can be opened and reached")


def check_cluster(address: str) -> Check:
    """Something listens where the profile says that a Ray cluster stands."""
    named = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if not named:
        return Check("cluster", "ok", "the profile joins the Ray on this machine, which is found when a run starts")
    host, _, port = named.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return Check("cluster", "failure", f"'{named}' is no host:port", "write address: HOST:PORT in the profile")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        fix = "start it with `ray start --head`, or correct the address"
        return Check("cluster", "failure", f"nothing answers at {named}: {error}", fix)
    return Check("cluster", "ok", f"something listens at {named}")
