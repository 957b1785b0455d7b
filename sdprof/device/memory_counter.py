"""Bytes that the simulated device holds, as CUDA's caching allocator would count them.

Following every allocation costs a few microseconds each, which small loops would feel. So a simulation with values
counts live tensors when it is asked, and its peak is the highest that was asked about; one without values follows all.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from sdprof.device.tensor import DEVICE, SimulatedTensor

BLOCK_BYTES = 512
"""The allocator rounds sizes up to this (c10/cuda/CUDACachingAllocator.cpp: kMinBlockSize)."""
_COUNTED = "_sdprof_counted"


def block_bytes(size: int) -> int:
    """The size of the block that an allocation takes."""
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


class MemoryCounter:
    """Live and peak bytes."""

    def __init__(self, *, follow_all: bool = False) -> None:
        self._follow_all = follow_all
        self._live = 0
        self._peak = 0
        self.on_peak: Callable[[], None] | None = None
        """Called when a new peak is reached, where all is followed."""

    @property
    def live_bytes(self) -> int:
        """Bytes held now."""
        if not self._follow_all:
            self._live = _count_live_tensors()
            self._peak = max(self._peak, self._live)
        return self._live

    @property
    def peak_bytes(self) -> int:
        """The most bytes held since the last reset; without ``follow_all`` the most that was seen when asked."""
        return max(self._peak, self.live_bytes)

    def reset_peak(self) -> None:
        """Start again from what is held now."""
        self._peak = 0
        self._peak = self.live_bytes

    def follow(self, host: Tensor) -> None:
        """Count the memory of a new device tensor until it is freed, unless it is a view of memory that is counted."""
        storage = host.untyped_storage()
        if hasattr(storage, _COUNTED):
            return
        setattr(storage, _COUNTED, True)
        size = block_bytes(storage.nbytes())
        self._live += size
        weakref.finalize(storage, self._free, size)
        if self._live > self._peak:
            self._peak = self._live
            if self.on_peak is not None:
                self.on_peak()

    def _free(self, size: int) -> None:
        self._live -= size


def _count_live_tensors() -> int:
    storages: dict[int, int] = {}
    for candidate in gc.get_objects():
        if type(candidate) is SimulatedTensor and candidate.device == DEVICE:
            storage: torch.UntypedStorage = candidate.host.untyped_storage()
            storages[storage._cdata] = storage.nbytes()
    return sum(block_bytes(size) for size in storages.values())
