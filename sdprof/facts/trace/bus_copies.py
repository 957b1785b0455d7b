"""Copies over the bus that the loop waits for, and how much of them was hidden behind computing."""

from __future__ import annotations

import msgspec
import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.copy_ways import copy_way
from sdprof.facts.trace.device_events import COPY, KERNEL
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.loop_window import LoopWindow
from sdprof.facts.trace.nesting import NONE
from sdprof.facts.trace.python_site import Site
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class BusCopies(msgspec.Struct, frozen=True, kw_only=True):
    """Copies between host and device that the loop's steps launched."""

    count: int
    bytes: int | None
    """None where the trace gives no size for one of them."""
    copy_us: float
    """Union of their intervals."""
    overlapped_us: float
    """With a kernel running beside."""
    site: Site
    """Who asked for the longest of them."""


def bus_copies(analysis: Analysis, window: LoopWindow) -> BusCopies:
    """Over all GPUs and streams; copies on the device are work, and no part of it."""
    events = analysis.device
    names = events.table["name"]
    crossing = [name for name in names.filter(events.kind == COPY).unique() if copy_way(name).crosses_the_bus]
    chosen = np.flatnonzero(
        (events.kind == COPY) & names.is_in(crossing).to_numpy() & (window.step_of(analysis.launched_at) != NONE)
    )
    copying = Intervals.union(events.start[chosen], events.duration[chosen])
    sizes = events.table["bytes"].gather(chosen)
    site = Site(where=None)
    if len(chosen):
        longest = chosen[np.argmax(events.duration[chosen])]
        site = analysis.site(int(events.launch[longest]))
    return BusCopies(
        count=len(chosen),
        bytes=None if sizes.null_count() else int(sizes.sum()),
        copy_us=copying.total / NS,
        overlapped_us=events.busy(KERNEL).overlap(copying) / NS,
        site=site,
    )
