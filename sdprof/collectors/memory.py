"""Memory: the peak of a run, and the peak of each step."""

from __future__ import annotations

from typing import Any

import torch

from sdprof.collectors import resident_memory
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, MemoryProfile, StepMemory

META = CollectorMeta(id="memory", title="Memory", artifact="memory.json")


class _CudaMeter:
    def __init__(self, device: torch.device) -> None:
        self._device = device

    def reset(self) -> None:
        torch.cuda.synchronize(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)

    def now(self) -> int:
        return int(torch.cuda.memory_allocated(self._device))

    def peak(self) -> int:
        torch.cuda.synchronize(self._device)
        return int(torch.cuda.max_memory_allocated(self._device))


class _ResidentMeter:
    def reset(self) -> None:
        if not resident_memory.reset_peak():
            raise CannotCollectError(
                "The kernel does not let this process reset its peak memory (/proc/self/clear_refs).",
                "Run on Linux with a writable /proc, or read the peak of the whole worker instead.",
            )

    def now(self) -> int:
        return resident_memory.resident_bytes()

    def peak(self) -> int:
        return resident_memory.peak_bytes() or self.now()


def collect(watched: WatchedRun) -> MemoryProfile:
    """Run once; a step ends where the next call of the first hot module begins.

    On the CPU this is the process's resident set, weights and interpreter included, and an allocator that keeps freed
    pages hides what it reuses: it is an upper bound of what the step itself needs. On CUDA it is PyTorch's allocator.
    """
    meter = _CudaMeter(watched.device) if watched.device.type == "cuda" else _ResidentMeter()
    meter.reset()
    before = meter.now()
    peaks: list[int] = []

    def next_step(_module: torch.nn.Module, _args: Any) -> None:
        peaks.append(meter.peak())
        meter.reset()

    handle = next(iter(watched.hot_modules.values())).register_forward_pre_hook(next_step)
    try:
        watched.run()
    finally:
        handle.remove()
    peaks.append(meter.peak())
    return MemoryProfile(
        kind="cuda allocated" if watched.device.type == "cuda" else "resident",
        before_bytes=before,
        peak_bytes=max(peaks),
        # The first entry is what ran before the first step.
        steps=tuple(StepMemory(step=step, peak_bytes=peak) for step, peak in enumerate(peaks[1:])),
    )
