"""Idle time of the GPU, by cause."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from sdprof.facts.trace.gaps import GapTable
from sdprof.facts.trace.nesting import NONE
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class IdleSplit(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time between the first and the last GPU event went in which none ran. The six parts add up to idle."""

    idle_us: float
    launch_bound_us: float
    """The host was dispatching operators or launching: more work for each launch would cure it."""
    sync_us: float
    """The host sat in a call that waits for the GPU, which had nothing left to do."""
    copy_us: float
    """The host was inside a copying call."""
    python_us: float
    """The host ran Python, or anything else that is no operator."""
    queued_us: float
    """Work was queued already: time between kernels of one stream, or a wait for another stream."""
    unknown_us: float
    """The launch of the next work was not recorded."""
    after_sync_us: float
    """Gaps that began while the host waited, whatever it did afterwards: the waits emptied the queue. Not a part of the
    sum, but another look at it."""
    gaps: int


def idle_split(table: GapTable, within: npt.NDArray[np.bool_] | None = None) -> IdleSplit:
    """Adds up the gaps.

    :param within: which gaps count; all by default.
    """
    chosen = np.ones(len(table.start), np.bool_) if within is None else within
    length = np.where(chosen, table.end - table.start, 0)
    spent_us = {cause: int(spent[chosen].sum()) / NS for cause, spent in table.spent.items()}
    return IdleSplit(
        idle_us=int(length.sum()) / NS,
        launch_bound_us=spent_us["launch-bound"],
        sync_us=spent_us["sync"],
        copy_us=spent_us["copy"],
        python_us=spent_us["python"],
        queued_us=spent_us["queued"],
        unknown_us=spent_us["unknown"],
        after_sync_us=int(np.where(table.drained_by == NONE, 0, length).sum()) / NS,
        gaps=int(chosen.sum()),
    )
