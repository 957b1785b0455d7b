"""Which host event filled a gap in the GPU's work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.host_tree import ANNOTATION, HostTree
from sdprof.facts.trace.nesting import NONE, Indices


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
    inside = inside[tree.kind[inside] != ANNOTATION]
    if not len(inside):
        return None
    overlap = np.minimum(tree.end[inside], end) - np.maximum(tree.start[inside], start)
    around = tree.parent[inside]
    while (looked_through := (around != NONE) & (tree.kind[around] == ANNOTATION)).any():
        around[looked_through] = tree.parent[around[looked_through]]
    place = np.minimum(np.searchsorted(inside, around), len(inside) - 1)
    own = overlap.copy()
    found = inside[place] == around
    np.subtract.at(own, place[found], overlap[found])
    most = int(np.argmax(own))
    return HostInGap(analysis.distinct_names[int(inside[most])], int(own[most])) if own[most] > 0 else None


def _during(tree: HostTree, thread: int, start: int, end: int) -> Indices:
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
    return np.concatenate((np.array(running[::-1], np.int64), np.arange(begun, following)))
