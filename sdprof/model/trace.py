"""What audit.json says of a recorded trace. Times are microseconds unless the name says otherwise."""

from __future__ import annotations

import msgspec

from sdprof.model.source import Location

MOST_TOTALS = 100
"""Longer lists of kernels are cut after the costliest."""


class TraceCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of one direction between two kinds of memory."""

    direction: str
    count: int
    bytes: int | None
    """None where the trace gives no size for one of them."""
    source: str = ""
    """Pageable, Pinned, Device; Host where the trace does not tell pageable from pinned (ROCm)."""
    destination: str = ""
    device_us: float = 0.0


class TraceSync(msgspec.Struct, frozen=True, kw_only=True):
    """Synchronising calls of one name."""

    name: str
    count: int
    host_us: float = 0.0


class TraceStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step as the trace shows it."""

    name: str
    start_us: float
    seconds: float
    kernels: int = 0
    busy_us: float = 0.0
    """Union of the GPU events that were launched during the step."""


class TraceIdle(msgspec.Struct, frozen=True, kw_only=True):
    """Why no GPU ran anything; the six parts add up to ``idle_us``. docs/traces.md says how they are told apart."""

    span_us: float
    """From the first to the last GPU event."""
    idle_us: float
    launch_bound_us: float
    sync_us: float
    copy_us: float
    python_us: float
    queued_us: float
    unknown_us: float
    after_sync_us: float
    """Gaps that began while the host sat in a waiting call: another look at the same time, not a part of the sum."""


class TraceGap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without any GPU work."""

    start_us: float
    """Since the first GPU event."""
    duration_us: float
    cause: str
    """What most of it was spent on: launch-bound, sync, copy, python, queued or unknown."""
    spent_us: dict[str, float]
    in_loop: bool
    next_event: str
    """Name of the GPU event that ended it."""
    where: Location | None = None
    """Who launched that."""
    operator: str | None = None
    drained_by: str | None = None
    """The waiting call during which the GPU ran dry."""
    host_event: str | None = None
    """The operator, runtime call or Python function that ran for longest inside it on the launching thread, without
    what it called itself."""
    host_event_us: float = 0.0


class TraceTotal(msgspec.Struct, frozen=True, kw_only=True):
    """GPU kernels of one name, or launched by one operator or module."""

    name: str
    count: int
    device_us: float
    share: float
    """Of the time of all kernels, 0 to 1."""


class TraceLaunchDelay(msgspec.Struct, frozen=True, kw_only=True):
    """From the launching call's start to the kernel's: microseconds, where the host sets the pace; milliseconds, where
    the queue is full.
    """

    median_us: float
    p90_us: float
    longest_us: float


class TraceBusCopies(msgspec.Struct, frozen=True, kw_only=True):
    """Copies between host and device, inside the loop, and how much of them was hidden behind kernels."""

    count: int
    bytes: int | None
    copy_us: float
    """Union of their intervals."""
    overlapped_us: float
    span_us: float
    """Of the loop: what ``copy_us`` is a share of."""
    where: Location | None = None
    """The place that asked for most of it."""
    operator: str | None = None


class TraceRegion(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one compiled region."""

    name: str
    calls: int
    host_us: float
    recompiled: bool
    """A later version of the frame than the first."""


class TraceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a recorded trace.

    busy is the union of the intervals of kernels, copies and memsets; span is from the first start to the last end;
    idle_share = 1 - busy / span.
    """

    gpu_events: int
    kernels: int
    kernel_us: float
    span_us: float
    busy_us: float
    idle_share: float | None
    copies: tuple[TraceCopy, ...] = ()
    syncs: tuple[TraceSync, ...] = ()
    steps: tuple[TraceStep, ...] = ()
    cpu_operators: int = 0
    notes: tuple[str, ...] = ()
    file: str = ""
    devices: tuple[str, ...] = ()
    """Names of the GPUs that ran something."""
    steps_found_by: str = ""
    """ProfilerStep, annotation, module calls, compiled region, repeating operators or none."""
    steps_name: str = ""
    """What repeats."""
    idle: TraceIdle | None = None
    """Over the whole trace; None without GPU events."""
    loop_idle: TraceIdle | None = None
    """From the first to the last GPU event that the steps launched; over the whole trace where no steps were told
    apart."""
    loop_host_us: float = 0.0
    """From the first step's begin to the last one's end, by the host's clock."""
    between_operators_us: float = 0.0
    """Of that, in no operator, on the thread with most time in operators: Python, and the profiler's own work."""
    gaps: tuple[TraceGap, ...] = ()
    """The longest ones, longest first."""
    launch_delay: TraceLaunchDelay | None = None
    bus_copies: TraceBusCopies | None = None
    """None without GPU events."""
    kernels_by_name: tuple[TraceTotal, ...] = ()
    """The costliest first; so are the next two."""
    kernels_by_operator: tuple[TraceTotal, ...] = ()
    kernels_by_module: tuple[TraceTotal, ...] = ()
    regions: tuple[TraceRegion, ...] = ()
    compilations: int = 0
    """Compilations of frames that ran while recording."""
    compiling_us: float = 0.0
