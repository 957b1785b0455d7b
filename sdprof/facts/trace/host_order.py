"""The order in which a thread's events nest: by thread, then by start, what lies outside before what lies inside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdprof.facts.trace.nesting import Indices

_LARGEST_KEY = 1 << 62


def host_order(thread: Indices, start: Indices, end: Indices, outside_first: npt.NDArray[np.int8]) -> Indices:
    """Indices of events in the order of (thread, start, -end, outside_first); of equal ones, the given order.

    Thread and start are sorted as one number: few events share it, and only these are told apart by the rest.

    :param thread: from 0, without gaps.
    """
    if not len(start):
        return np.empty(0, np.int64)
    first = int(start.min())
    span = int(start.max()) - first + 1
    if (int(thread.max()) + 1) * span > _LARGEST_KEY:
        return np.lexsort((outside_first, start - end, start, thread))
    key = thread * span + (start - first)
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    if len(same):
        tied = np.union1d(same, same + 1)
        members = order[tied]
        order[tied] = members[np.lexsort((outside_first[members], start[members] - end[members], key[members]))]
    return order


def numbered_threads(pid: Indices, tid: Indices) -> Indices:
    """A number from 0 for each (pid, tid), in their order.

    A table has long runs of events of one thread: the runs are numbered, not the events.
    """
    if not len(pid):
        return np.empty(0, np.int64)
    begins = np.concatenate(([0], np.flatnonzero((np.diff(pid) != 0) | (np.diff(tid) != 0)) + 1))
    runs = np.stack((pid[begins], tid[begins]), axis=1)
    _, number = np.unique(runs, axis=0, return_inverse=True)
    return np.repeat(number.reshape(-1).astype(np.int64), np.diff(np.append(begins, len(pid))))
