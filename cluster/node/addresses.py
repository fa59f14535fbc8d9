"""Addresses of this machine, as the others of a cluster reach it."""

from __future__ import annotations

import os
import socket


def address_towards(address: str) -> str:
    """Address of this machine on the way to ``host:port``; sends nothing."""
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, int(port)))
        return str(probe.getsockname()[0])


def public_address() -> str:
    """Address by which other machines reach this one: what its name means, unless that is the loopback one."""
    name = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    try:
        addresses = socket.gethostbyname_ex(name)[2]
    except OSError:
        addresses = []
    outside = [address for address in addresses if not address.startswith("127.")]
    # 192.0.2.1 is nobody's (RFC 5737): the kernel names the address that would be used on the way out.
    return outside[0] if outside else address_towards("192.0.2.1:9")
