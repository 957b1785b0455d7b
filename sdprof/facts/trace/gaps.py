"""Times at which no GPU ran anything, and what the host was doing meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.distinct_names import Flags
from sdprof.facts.trace.host_in_gap import host_in_gap
from sdprof.facts.trace.host_tree import OPERATOR, RUNTIME
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.loop_window import LoopWindow
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.python_site import Site
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS

Cause = Literal["launch-bound", "sync", "copy", "python", "queued", "unknown"]
CAUSES: tuple[Cause, ...] = ("launch-bound", "sync", "copy", "python", "queued", "unknown")


@dataclass(frozen=True)
class GapTable:
    """All gaps in the order of time; arrays of one entry a gap."""

    start: Indices
    end: Indices
    next_event: Indices
    """Index of the GPU event that ends the gap."""
    spent: dict[Cause, Indices]
    """Nanoseconds by what the launching thread was doing; they add up to the gap."""
    drained_by: Indices
    """Host event (a wait) during which the gap began, or NONE: the wait emptied the queue."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without any GPU work."""

    start_us: float
    """Since the first GPU event."""
    duration_us: float
    cause: Cause
    """What most of it was spent on."""
    spent_us: dict[Cause, float]
    next_event: str
    """Name of the GPU event that ended it."""
    launched_by: Site
    """Who launched that."""
    drained_by: str | None
    """The waiting call during which the GPU ran dry."""
    drained_at: Site | None
    in_loop: bool
    host_event: str | None = None
    """What ran inside the gap for longest on the thread that launched its end, without what it called itself."""
    host_event_us: float = 0.0
    """How long."""


def top_gaps(analysis: Analysis, table: GapTable, window: LoopWindow, most: int = 20) -> tuple[Gap, ...]:
    """The longest gaps, longest first."""
    longest = np.argsort(table.start - table.end, kind="stable")[:most]
    in_loop = window.on_device(table.start, table.end)
    events = analysis.device
    names = events.table["name"]
    hosts = {
        gap: host_in_gap(
            analysis, int(events.launch[table.next_event[gap]]), int(table.start[gap]), int(table.end[gap])
        )
        for gap in longest.tolist()
    }
    return tuple(
        Gap(
            start_us=int(table.start[gap] - events.start[0]) / NS,
            duration_us=int(table.end[gap] - table.start[gap]) / NS,
            cause=max(CAUSES, key=lambda cause: int(table.spent[cause][gap])),
            spent_us={cause: int(table.spent[cause][gap]) / NS for cause in CAUSES if table.spent[cause][gap]},
            next_event=names[int(table.next_event[gap])],
            launched_by=analysis.site(int(events.launch[table.next_event[gap]])),
            drained_by=None if table.drained_by[gap] == NONE else analysis.distinct_names[int(table.drained_by[gap])],
            drained_at=None if table.drained_by[gap] == NONE else analysis.site(int(table.drained_by[gap])),
            in_loop=bool(in_loop[gap]),
            host_event=host.name if (host := hosts[gap]) else None,
            host_event_us=host.nanoseconds / NS if host else 0.0,
        )
        for gap in longest.tolist()
    )


def gap_table(analysis: Analysis) -> GapTable:
    """Finds every gap and splits it by what the thread that launched the next GPU event was doing.

    - sync, copy: inside a waiting or a copying call;
    - launch-bound: inside an operator or another runtime call, or between the launch and its start on the GPU: the host
      was at work on the launch, and too slow;
    - python: in none of them;
    - queued: the next event had been launched before the gap began, so the GPU waited for itself or another stream;
    - unknown: the launch was not recorded.
    """
    events, tree = analysis.device, analysis.tree
    gaps = events.busy().gaps()
    following = np.searchsorted(events.start, gaps.ends, side="left")
    launch = events.launch[following]
    known = launch != NONE
    launched_at = np.where(known, tree.start[launch], gaps.starts) if len(tree.start) else gaps.starts
    reached = np.clip(launched_at, gaps.starts, gaps.ends)
    length = gaps.ends - gaps.starts
    spent: dict[Cause, Indices] = {cause: np.zeros(len(length), np.int64) for cause in CAUSES}
    waiting = known & (launched_at > gaps.starts)
    spent["unknown"] = np.where(known, 0, length)
    spent["queued"] = np.where(known & ~waiting, length, 0)
    spent["launch-bound"] = np.where(waiting, gaps.ends - reached, 0)
    calls = _host_work(analysis)
    for thread in np.unique(tree.thread[launch[waiting]]) if waiting.any() else ():
        mine = np.flatnonzero(waiting)[tree.thread[launch[waiting]] == thread]
        first, last = np.searchsorted(tree.thread, (thread, thread + 1))
        on_thread = {name: first + np.flatnonzero(chosen[first:last]) for name, chosen in calls.items()}
        covered = {
            name: Intervals.union(tree.start[chosen], tree.duration[chosen]).covered_within(
                gaps.starts[mine], reached[mine]
            )
            for name, chosen in on_thread.items()
        }
        spent["sync"][mine] = covered["sync"]
        spent["copy"][mine] = covered["copy"]
        spent["launch-bound"][mine] += covered["any"] - covered["sync"] - covered["copy"]
        spent["python"][mine] = reached[mine] - gaps.starts[mine] - covered["any"]
    return GapTable(gaps.starts, gaps.ends, following, spent, _drained_by(analysis, gaps.starts))


def _host_work(analysis: Analysis) -> dict[str, Flags]:
    """Which host events are waits, copies, and work of any kind below Python."""
    kind = analysis.tree.kind
    return {
        "sync": analysis.waits,
        "copy": analysis.copying_calls,
        "any": (kind == RUNTIME) | ((kind == OPERATOR) & ~analysis.containers),
    }


def _drained_by(analysis: Analysis, times: Indices) -> Indices:
    """The waiting call, of any thread, that was running at each point in time."""
    tree = analysis.tree
    waits = np.flatnonzero(analysis.waits | analysis.blocking_copies)
    found = np.full(len(times), NONE, np.int64)
    if len(waits):
        waits = waits[np.argsort(tree.start[waits], kind="stable")]
        last = np.searchsorted(tree.start[waits], times, side="right") - 1
        wait = waits[np.maximum(last, 0)]
        running = (last >= 0) & (tree.end[wait] >= times)
        found[running] = wait[running]
    return found
