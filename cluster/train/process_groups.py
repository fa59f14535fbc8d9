"""How ranks reach each other with gloo, and how their gradients add up to the same numbers every time."""

import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

import ray
import torch
from ray.train.backend import Backend
from ray.train.torch import TorchConfig
from torch import Tensor, distributed
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

INTERFACE_VARIABLE = "GLOO_SOCKET_IFNAME"
SIOCGIFADDR = 0x8915  # of Linux: an interface's address
NAME_BYTES, ADDRESS = 15, slice(20, 24)  # in its argument


@dataclass
class GlooConfig(TorchConfig):
    """Ray Train's configuration of process groups with gloo, over the network by which Ray's nodes reach each other.

    Left alone, gloo takes the address that the host's name means, which on many machines is a loopback one, and then
    ranks on different nodes look for each other each on its own.
    """

    backend: str | None = "gloo"

    @property
    def backend_cls(self) -> type[Backend]:
        """What sets the group up."""
        return _GlooBackend


class _GlooBackend(TorchConfig().backend_cls):  # type: ignore[misc]  # a class of Ray's that has no public name
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
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


def average_exactly(module: torch.nn.Module) -> torch.nn.Module:
    """Make a data-parallel module add gradients in double precision; another module is left as it is.

    A ring adds every part of a buffer in another order, and torch lays gradients into buffers anew after the first step
    of a process. In single precision three ranks or more would therefore train otherwise after a restart: the noise of
    rounding grows to whole per cent within tens of steps. Gradients of single precision add up exactly in double.
    """
    if isinstance(module, DistributedDataParallel):
        module.register_comm_hook(None, _mean_in_double)
    return module


def _mean_in_double(_: None, bucket: distributed.GradBucket) -> Future[Tensor]:
    gradients = bucket.buffer()
    total = distributed.all_reduce(gradients.double(), async_op=True).get_future()

    def mean(done: Future[list[Tensor]]) -> Tensor:
        return (done.value()[0] / distributed.get_world_size()).to(gradients.dtype)

    future: Future[Tensor] = total.then(mean)
    return future
