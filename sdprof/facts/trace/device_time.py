"""How long the GPU was busy, and how long it was not."""

from __future__ import annotations

import msgspec
import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import COPY, KERNEL, MEMSET
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class DeviceTime(msgspec.Struct, frozen=True, kw_only=True):
    """Busy and idle time of one GPU, or of all GPUs of the trace taken as one."""

    device: int | None
    """Index; None for all together."""
    name: str
    gpu_events: int
    kernels: int
    copies: int
    memsets: int
    kernel_us: float
    """Sum over kernels: more than ``busy_us`` where streams ran side by side."""
    span_us: float
    """First start to last end."""
    busy_us: float
    """Union of the intervals of kernels, copies and memsets."""
    idle_us: float
    idle_share: float | None
    """``1 - busy/span``; None without GPU events."""


def device_time(analysis: Analysis) -> DeviceTime:
    """All GPUs of the trace as one: idle means that none of them ran anything."""
    return _device_time(analysis, None)


def device_times(analysis: Analysis) -> tuple[DeviceTime, ...]:
    """One entry a GPU that ran anything."""
    devices = analysis.device.table["device"].unique().sort().to_list()
    return tuple(_device_time(analysis, device) for device in devices if device is not None)


def _device_time(analysis: Analysis, device: int | None) -> DeviceTime:
    events = analysis.device
    mine = np.ones(len(events), np.bool_) if device is None else (events.table["device"] == device).to_numpy()
    start, duration, kind = events.start[mine], events.duration[mine], events.kind[mine]
    busy = (events.busy() if device is None else Intervals.union(start, duration)).total
    span = int((start + duration).max() - start.min()) if len(start) else 0
    known = {entry.index: entry.name for entry in analysis.trace.metadata.devices}
    names = [known[index] for index in events.table["device"].filter(mine).unique().drop_nulls() if index in known]
    return DeviceTime(
        device=device,
        name=", ".join(sorted(set(names))),
        gpu_events=len(start),
        kernels=int((kind == KERNEL).sum()),
        copies=int((kind == COPY).sum()),
        memsets=int((kind == MEMSET).sum()),
        kernel_us=int(duration[kind == KERNEL].sum()) / NS,
        span_us=span / NS,
        busy_us=busy / NS,
        idle_us=(span - busy) / NS,
        idle_share=1 - busy / span if span else None,
    )
