"""How long kernels waited between their launch and their start."""

from __future__ import annotations

import msgspec
import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import KERNEL
from sdprof.facts.trace.nesting import NONE
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class LaunchDelay(msgspec.Struct, frozen=True, kw_only=True):
    """Start of the kernel minus start of the launching call. A few microseconds: the host sets the pace. Milliseconds:
    the queue is long, and the GPU sets it.
    """

    kernels: int
    """Kernels whose launch is known."""
    unlinked: int
    """Kernels whose launch was not recorded, or is ambiguous: they are in no figure here."""
    negative: int = 0
    """Kernels that began before their launch by the clocks of host and GPU, which disagree then."""
    median_us: float | None
    p90_us: float | None
    longest_us: float | None


def launch_delay(analysis: Analysis) -> LaunchDelay:
    """Over all kernels; None where no launch is known."""
    events = analysis.device
    kernels = events.kind == KERNEL
    linked = kernels & (events.launch != NONE)
    count = int(linked.sum())
    if not count:
        return LaunchDelay(kernels=0, unlinked=int(kernels.sum()), median_us=None, p90_us=None, longest_us=None)
    delays = (events.start[linked] - analysis.tree.start[events.launch[linked]]) / NS
    return LaunchDelay(
        kernels=count,
        unlinked=int(kernels.sum()) - count,
        negative=int((delays < 0).sum()),
        median_us=float(np.median(delays)),
        p90_us=float(np.quantile(delays, 0.9)),
        longest_us=float(delays.max()),
    )
