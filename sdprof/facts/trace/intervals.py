"""Unions of time intervals, and how much of them lies before a point in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Intervals:
    """Disjoint half-open intervals in the order of time, none touching the next."""

    starts: Nanoseconds
    ends: Nanoseconds

    @staticmethod
    def union(starts: Nanoseconds, durations: Nanoseconds) -> Intervals:
        """Merges intervals, in any order, that overlap or touch; empty ones vanish unless they stand alone."""
        if not len(starts):
            return Intervals(np.empty(0, np.int64), np.empty(0, np.int64))
        if (starts[1:] < starts[:-1]).any():
            order = np.argsort(starts, kind="stable")
            starts, durations = starts[order], durations[order]
        reach = np.maximum.accumulate(starts + durations)
        opens = np.concatenate(([True], starts[1:] > reach[:-1]))
        closes = np.concatenate((opens[1:], [True]))
        return Intervals(starts[opens], reach[closes])

    @property
    def total(self) -> int:
        """Nanoseconds covered."""
        return int((self.ends - self.starts).sum())

    def covered_before(self, times: Nanoseconds) -> Nanoseconds:
        """Nanoseconds covered before each point in time."""
        if not len(self.starts):
            return np.zeros(len(times), np.int64)
        lengths = self.ends - self.starts
        before = np.concatenate(([0], np.cumsum(lengths)))
        index = np.searchsorted(self.starts, times, side="right")
        last = np.maximum(index - 1, 0)
        inside = np.where(index > 0, np.minimum(times, self.ends[last]) - self.starts[last], 0)
        return before[last] + inside

    def covered_within(self, starts: Nanoseconds, ends: Nanoseconds) -> Nanoseconds:
        """Nanoseconds covered in each of the windows [start, end)."""
        return self.covered_before(ends) - self.covered_before(starts)

    def gaps(self) -> Intervals:
        """What lies between the intervals."""
        return Intervals(self.ends[:-1], self.starts[1:])

    def overlap(self, other: Intervals) -> int:
        """Nanoseconds that both cover."""
        return int(self.covered_within(other.starts, other.ends).sum())
