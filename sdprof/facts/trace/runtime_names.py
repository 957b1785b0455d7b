"""What CUDA and HIP runtime and driver calls do to the host, told from their names."""

from __future__ import annotations

import polars as pl

# Waits of the host. cudaStreamWaitEvent makes a stream wait, not the host; cudaStreamQuery and cudaEventQuery return
# at once. (CUDA Runtime API, "API synchronization behavior".)
SYNC_PATTERN = r"^(cuda|hip)(Device|Stream|Event|Ctx)Synchronize|^cu(Ctx|Stream|Event)Synchronize"
# Copies: the host is busy with them, and waits where the memory is pageable or the call is not Async.
COPY_PATTERN = r"^(cuda|hip)Memcpy|^cuMemcpy"
# Copies that return only when they are done, whatever the memory: those without Async in their name. HIP's
# hipMemcpyWithStream waits for its stream (HIP runtime API reference).
BLOCKING_COPY_PATTERN = r"^(cuda|hip|cu)Memcpy"


def is_sync(names: pl.Series) -> pl.Series:
    """True for calls that make the host wait for the device and do nothing else."""
    return _matches(names, SYNC_PATTERN)


def is_copy(names: pl.Series) -> pl.Series:
    """True for calls that copy memory."""
    return _matches(names, COPY_PATTERN)


def is_blocking_copy(names: pl.Series) -> pl.Series:
    """True for copying calls that wait by their definition."""
    return _matches(names, BLOCKING_COPY_PATTERN) & ~_matches(names, "Async")


def _matches(names: pl.Series, pattern: str) -> pl.Series:
    return names.cast(pl.String).str.contains(pattern).fill_null(False)
