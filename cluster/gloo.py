"""Process groups with gloo between nodes: over the network by which Ray's nodes reach each other.

Left alone, gloo takes the address that the host's name means, which on many machines is a loopback one, and then
ranks on different nodes look for each other each on its own.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

INTERFACE_VARIABLE = "GLOO_SOCKET_IFNAME"
SIOCGIFADDR = 0x8915  # of Linux: an interface's address
NAME_BYTES, ADDRESS = 15, slice(20, 24)  # in its argument


@dataclass
class GlooConfig(TorchConfig):
    """Ray Train's configuration of process groups with gloo."""

    backend: str | None = "gloo"

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        """What sets the group up."""
        return _GlooBackend


class _GlooBackend(_TorchBackend):
    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        """Choose the network on every rank, then set up the group."""
        worker_group.execute(choose_interface)
        super().on_start(worker_group, backend_config)


def choose_interface() -> None:
    """Point gloo to the interface of this node's Ray address, unless the user has chosen one."""
    name = interface_of(ray.util.get_node_ip_address())
    if name is not None:
        os.environ.setdefault(INTERFACE_VARIABLE, name)


def interface_of(address: str) -> str | None:
    """Name of the network interface that has the IPv4 address; None if there is none, or this is not Linux."""
    if not sys.platform.startswith("linux"):
        return None
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:NAME_BYTES])
            try:
                answer = fcntl.ioctl(probe, SIOCGIFADDR, request)
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(answer[ADDRESS]) == address:
                return name
    return None
