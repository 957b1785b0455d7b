"""Which host event filled a gap in the GPU's work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.host_tree import ANNOTATION, HostTree
from sdprof.facts.trace.nesting import NONE


class HostInGap(NamedTuple):
    """An operator, a runtime call or a Python function, and how long it ran inside the gap."""

    name: str
    nanoseconds: int


def host_in_gap(analysis: Analysis, launch: int, start: int, end: int) -> HostInGap | None:
    """The event of the launching thread that overlaps the gap most with its own time; None where none does.

    Own time is without the events inside: counted with them, the outermost function would win every gap. Annotations
    are looked through: they say what the user calls it, not what ran.

    :param launch: index in the host tree of what launched the GPU event that ended the gap, or NONE.
    """
    if launch == NONE:
        return None
    tree = analysis.tree
    inside = _during(tree, int(tree.thread[launch]), start, end)
    own: dict[int, int] = {}
    for event in inside:
        if tree.kind[event] == ANNOTATION:
            continue
        overlap = int(min(tree.end[event], end) - max(tree.start[event], start))
        own[event] = own.get(event, 0) + overlap
        parent = int(tree.parent[event])
        while parent != NONE and tree.kind[parent] == ANNOTATION:
            parent = int(tree.parent[parent])
        if parent != NONE:
            own[parent] = own.get(parent, 0) - overlap
    most = max(own, key=own.__getitem__, default=NONE)
    return HostInGap(analysis.distinct_names[most], own[most]) if most != NONE and own[most] > 0 else None


def _during(tree: HostTree, thread: int, start: int, end: int) -> list[int]:
    """Events of a thread that ran at some time between the two, those around others first.

    What ran already at the start are the ancestors of the last event that began before it: the rest is one stretch.
    """
    first, last = (int(index) for index in np.searchsorted(tree.thread, (thread, thread + 1)))
    begun, following = (first + int(index) for index in np.searchsorted(tree.start[first:last], (start, end)))
    running = []
    around = begun - 1 if begun > first else NONE
    while around != NONE:
        if tree.end[around] > start:
            running.append(around)
        around = int(tree.parent[around])
    return [*reversed(running), *range(begun, following)]
