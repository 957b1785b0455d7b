"""Which interval lies in which, for the intervals of many threads at once and without a loop over them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NONE = -1
Indices = npt.NDArray[np.int64]

# Clocks of different sources disagree by microseconds, so that an event may seem to outlast the one that called it.
# Cutting such events settles within two rounds on real traces; the limit bounds what a hostile file can draw out.
_ROUNDS = 20


def nested(thread: Indices, start: Indices, end: Indices) -> tuple[Indices, tuple[Indices, ...], Indices]:
    """The innermost interval around each interval (or NONE), the intervals of each depth, and the ends.

    An interval that begins inside another and outlasts it is cut to the other's end.

    :param thread: intervals of different threads never nest.
    :param start: with ``thread`` and ``end``, in the order of (thread, start, -end).
    """
    for _ in range(_ROUNDS):
        parent = _parents(thread, start, end)
        levels = _levels(parent)
        cut = end.copy()
        for level in levels[1:]:
            limit = cut[parent[level]]
            # What begins after its parent was cut has another parent: the next round finds it.
            cut[level] = np.where(start[level] <= limit, np.minimum(cut[level], limit), cut[level])
        if np.array_equal(cut, end):
            break
        end = cut
    return parent, levels, end


def _parents(thread: Indices, start: Indices, end: Indices) -> Indices:
    """For each interval, the nearest one before it that has not ended.

    Every interval first points at its predecessor. A pointer at an ended interval is replaced by that interval's own
    pointer: all that lies between the two had ended even earlier. Pointers jump over whole subtrees at a time, so the
    number of rounds grows with the logarithm of the number of siblings.
    """
    pointer = np.arange(-1, len(start) - 1)
    pointer[np.flatnonzero(np.diff(thread)) + 1] = NONE
    pending = np.flatnonzero(pointer != NONE)
    while len(pending):
        target = pointer[pending]
        # An empty interval at another's end lies in it: integer microseconds put the last launch of an operator there.
        ended = (end[target] <= start[pending]) & (end[target] < end[pending])
        pending, target = pending[ended], target[ended]
        pointer[pending] = pointer[target]
        pending = pending[pointer[pending] != NONE]
    return pointer


def _levels(parent: Indices) -> tuple[Indices, ...]:
    """Indices by depth, outermost first."""
    depth = (parent != NONE).astype(np.int64)
    ancestor = parent
    while (climbing := np.flatnonzero(ancestor != NONE)).size:
        above = ancestor[climbing]
        depth[climbing] += depth[above]
        ancestor = ancestor.copy()
        ancestor[climbing] = ancestor[above]
    if not len(depth):
        return ()
    order = np.argsort(depth, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(depth))[:-1]))
