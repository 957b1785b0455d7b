"""Limits of a streaming multiprocessor by compute capability, for code that asks a GPU's properties."""

from __future__ import annotations

from typing import NamedTuple

KIB = 1 << 10


class MultiprocessorLimits(NamedTuple):
    """Of the table of technical specifications per compute capability in NVIDIA's CUDA C++ Programming Guide."""

    threads: int
    shared_memory_bytes: int
    reserved_bytes: int
    """Of the shared memory, kept by the system in each block."""


_LIMITS = {
    (7, 0): MultiprocessorLimits(2048, 96 * KIB, 0),
    (7, 5): MultiprocessorLimits(1024, 64 * KIB, 0),
    (8, 0): MultiprocessorLimits(2048, 164 * KIB, KIB),
    (8, 6): MultiprocessorLimits(1536, 100 * KIB, KIB),
    (8, 9): MultiprocessorLimits(1536, 100 * KIB, KIB),
    (9, 0): MultiprocessorLimits(2048, 228 * KIB, KIB),
}


def multiprocessor_limits(capability: tuple[int, int]) -> MultiprocessorLimits:
    """The limits of a capability that a known GPU has."""
    return _LIMITS[capability]
