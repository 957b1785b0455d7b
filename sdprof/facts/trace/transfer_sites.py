"""The copies and waits of a recorded loop, in the words in which a live run tells them.

A live run has one event for each call that copies or waits. A trace has the copy on the GPU, the runtime call that
asked for it, and often a wait behind it; all of them lie inside one operator. So what one operator did is one event: a
copy where the operator copies (``aten::copy_``), a wait where it reads what only the device knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.copy_ways import CopyWay, copy_way
from sdprof.facts.trace.device_events import COPY
from sdprof.facts.trace.loop_window import LoopWindow
from sdprof.facts.trace.nesting import NONE
from sdprof.model import Location, TransferProfile, TransferSite

Kind = Literal["H2D", "D2H", "SYNC"]
COPYING_OPERATORS = frozenset({"aten::copy_", "aten::_to_copy", "aten::to", "aten::_copy_from", "aten::_pin_memory"})
"""They move the user's tensor; what another operator brings to the host is a number or a size that it needs."""
UNKNOWN = Location(file="", line=0)
NOTE = (
    "From a recorded trace: an operator's copy and its wait count as one; the line is that at which the Python "
    "function begins. Whether a copy's content changes, and where its tensor was made, a trace does not tell."
)


class _Event(NamedTuple):
    kind: Kind
    operator: str
    host_event: int
    """Index in the host tree of the call, or of the operator, or NONE."""
    host_time: int
    bytes: int
    pinned: bool | None


def transfer_profile(analysis: Analysis, window: LoopWindow) -> TransferProfile | None:
    """Copies and waits by the place that asked for them; None for a trace without GPU events or runtime calls."""
    if not len(analysis.device) or not analysis.trace.runtime_calls.height:
        return None
    groups: dict[tuple[object, ...], list[tuple[_Event, int]]] = {}
    events = [*_copies_and_reads(analysis)]
    events += _waits_of_their_own(analysis, {_owner(analysis, event.host_event) for event in events})
    steps = window.step_of(np.array([event.host_time for event in events], np.int64)).tolist()
    for event, step in zip(events, steps, strict=True):
        where = analysis.site(event.host_event).where
        groups.setdefault((event.kind, event.operator, where, step != NONE), []).append((event, step))
    sites = tuple(_site(analysis, members, window) for members in groups.values())
    return TransferProfile(
        device="cuda",
        steps=window.steps,
        sites=tuple(sorted(sites, key=lambda site: (not site.in_loop, -site.count))),
        notes=(NOTE,),
        memory_known=all(site.pinned is not None for site in sites if site.in_loop and site.kind != "SYNC"),
    )


def _copies_and_reads(analysis: Analysis) -> Iterator[_Event]:
    """One event for each operator call (or, outside of operators, each copy) that crosses the bus."""
    events = analysis.device
    ways: dict[str, CopyWay] = {}
    read_by: set[int] = set()
    chosen = np.flatnonzero(events.kind == COPY)
    blocking = analysis.blocking_copies
    for name, size, launch, owner, host_time in zip(
        events.table["name"].gather(chosen),
        events.table["bytes"].gather(chosen).fill_null(0),
        events.launch[chosen].tolist(),
        events.operator[chosen].tolist(),
        analysis.launched_at[chosen].tolist(),
        strict=True,
    ):
        way = ways.get(name) or ways.setdefault(name, copy_way(name))
        operator = _operator_name(analysis, owner)
        asked_by = launch if launch != NONE else owner
        copies = operator is None or operator in COPYING_OPERATORS
        # ROCm reads a number by a copy into memory that the host sees too, with a call that waits: D2D by its name.
        reads = way.direction == "D2H" or (not copies and launch != NONE and bool(blocking[launch]))
        if way.direction == "H2D" or (way.direction == "D2H" and copies):
            kind: Kind = "H2D" if way.direction == "H2D" else "D2H"
            yield _Event(kind, operator or "copy", asked_by, host_time, size, pinned=way.pinned)
        elif reads and not copies and owner not in read_by:
            read_by.add(owner)
            yield _Event("SYNC", operator or "", asked_by, host_time, size, pinned=True)


def _waits_of_their_own(analysis: Analysis, owners: set[int]) -> Iterator[_Event]:
    """Waits that belong to no copy or reading that is told already; one for each operator call."""
    chosen = np.flatnonzero(analysis.waits)
    starts = analysis.tree.start[chosen].tolist()
    for index, start in zip(chosen.tolist(), starts, strict=True):
        owner = _owner(analysis, index)
        if owner != NONE and owner in owners:
            continue
        owners.add(owner)
        operator = _operator_name(analysis, owner) or analysis.distinct_names[index]
        yield _Event("SYNC", operator, index, start, 0, pinned=True)


def _owner(analysis: Analysis, host_event: int) -> int:
    """The innermost operator that is no mere range around others."""
    owner = int(analysis.tree.operator[host_event]) if host_event != NONE else NONE
    return owner if _operator_name(analysis, owner) is not None else NONE


def _operator_name(analysis: Analysis, operator: int) -> str | None:
    return None if operator == NONE or analysis.containers[operator] else analysis.distinct_names[operator]


def _site(analysis: Analysis, members: list[tuple[_Event, int]], window: LoopWindow) -> TransferSite:
    first = members[0][0]
    site = analysis.site(first.host_event)
    pinned = {event.pinned for event, _ in members}
    return TransferSite(
        kind=first.kind,
        op=first.operator,
        where=site.where or UNKNOWN,
        count=len(members),
        bytes=sum(event.bytes for event, _ in members),
        in_loop=members[0][1] != NONE,
        steps=tuple(sorted({step for _, step in members if step != NONE})),
        moments=tuple(
            sorted({round(window.moment(event.host_time, step), 2) for event, step in members if step != NONE})
        ),
        pinned=pinned.pop() if len(pinned) == 1 else None if None in pinned else False,
        callers=site.callers,
    )
