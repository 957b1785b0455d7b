"""What this machine reaches at best: the hundred percent that hot operators are compared with.

Measured, not looked up: a shared or throttled machine is far from its data sheet.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import CollectorMeta, Peaks

META = CollectorMeta(id="peaks", title="Peaks of this machine", artifact="peaks.json")
GEMM_SIZE = {"cpu": 2048, "cuda": 8192}
COPY_BYTES = {"cpu": 256 << 20, "cuda": 1 << 30}
"""Large against the last-level cache: a copy must reach memory."""
REPEATS = 7
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def collect(watched: WatchedRun) -> Peaks:
    """Time a square matrix product and a copy, several times each; the best of them is the peak.

    A product of two (n, n) matrices is 2 n³ operations; a copy of n bytes moves 2 n (read and write).
    """
    device = watched.device
    dtype = DTYPES.get(watched.dtype or "", torch.float32)
    size, copy_bytes = GEMM_SIZE[device.type], COPY_BYTES[device.type]
    left = torch.full((size, size), 0.5, device=device, dtype=dtype)
    right = torch.full((size, size), 0.25, device=device, dtype=dtype)
    product = torch.empty_like(left)
    gemm_seconds = _best_seconds(lambda: torch.mm(left, right, out=product), device)
    source = torch.ones(copy_bytes, dtype=torch.uint8, device=device)
    destination = torch.empty_like(source)
    copy_seconds = _best_seconds(lambda: destination.copy_(source), device)
    return Peaks(
        device=device.type,
        dtype=str(dtype).removeprefix("torch."),
        gemm_flops_per_second=2 * size**3 / gemm_seconds,
        copy_bytes_per_second=2 * copy_bytes / copy_seconds,
        gemm_size=size,
        copy_bytes=copy_bytes,
    )


def _best_seconds(work: Callable[[], object], device: torch.device) -> float:
    best = float("inf")
    with torch.inference_mode():
        work()
        for _ in range(REPEATS):
            _synchronise(device)
            started = time.perf_counter()
            work()
            _synchronise(device)
            best = min(best, time.perf_counter() - started)
    return best


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
