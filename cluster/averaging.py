"""Averages of gradients that come out the same in whatever order the ranks' shares are added."""

# No annotations from __future__: torch looks at the types that a hook names, and a string is none.
import torch
from torch import Tensor, distributed
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel


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
