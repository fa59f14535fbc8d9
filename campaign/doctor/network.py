"""Connections: this machine to itself, and to a standing cluster."""

from __future__ import annotations

import os
import socket

from campaign.doctor.check import Check
from cluster.node.ports import BLOCK_SIZE, lock_block

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


def check_ports() -> Check:
    """A block of ports is free for a Ray of one's own, beside those of others on this machine."""
    try:
        with lock_block() as block:
            first, last = block.first, block.first + BLOCK_SIZE - 1
    except RuntimeError as error:
        return Check("ports", "failure", str(error), "end Rays that nobody needs any more: ss -tlnp shows who listens")
    return Check("ports", "ok", f"ports such as {first} to {last} are free for a Ray of this run")


def check_host_name() -> Check:
    """This machine's name leads to an address of its own: nodes of a cluster find each other by it."""
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError as error:
        fix = f"add the name to /etc/hosts, or ask for a name server that knows {name}"
        return Check("host name", "warning", f"nothing knows the name of this machine, {name}: {error}", fix)
    return Check("host name", "ok", f"{name} is {address}")


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
