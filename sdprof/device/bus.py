"""What one copy between host and device moves over the bus, and from or to whose memory.

Rules of aten/src/ATen/native/cuda/Copy.cu (copy_requires_temporaries and copy_kernel_cuda). A copy that keeps the type
and the order of the elements in memory is one cudaMemcpyAsync. Any other goes by way of dense temporaries of one type:
a blocking copy converts on the host, a non-blocking one on the device. A temporary on the host is pageable, whatever
the user's own memory is.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Crossing(NamedTuple):
    """One copy as the bus sees it."""

    bytes: int
    own_memory: bool
    """The host side is the user's own memory; otherwise it is a pageable temporary."""


def crossing(source: Tensor, destination: Tensor, *, to_device: bool, non_blocking: bool) -> Crossing:
    """What ``destination.copy_(source)`` moves; only sizes, strides and types of the tensors are looked at."""
    count = destination.numel()
    same_type = source.dtype is destination.dtype
    same_shape = source.shape == destination.shape
    if same_type and same_shape and _same_order(source, destination):
        return Crossing(count * source.element_size(), own_memory=True)
    if to_device:
        dense = same_shape and source.is_contiguous()
        if non_blocking:
            return Crossing(count * source.element_size(), own_memory=dense)
        return Crossing(count * destination.element_size(), own_memory=dense and same_type)
    dense = destination.is_contiguous()
    if non_blocking:
        return Crossing(count * destination.element_size(), own_memory=dense)
    return Crossing(count * source.element_size(), own_memory=dense and same_type)


def _same_order(source: Tensor, destination: Tensor) -> bool:
    """Whether both are dense, their elements in the same order (TensorIterator's contiguous after coalescing)."""
    if source.is_contiguous() and destination.is_contiguous():
        return True
    expected = 1
    for size, ours, theirs in sorted(
        zip(source.shape, source.stride(), destination.stride(), strict=True), key=lambda dimension: dimension[1]
    ):
        if size == 1:
            continue
        if ours != expected or theirs != expected:
            return False
        expected *= size
    return True
