"""Joins the begin and end events of older writers into complete ones."""

from __future__ import annotations

from sdprof.facts.trace.raw_event import RawEvent, Scalar


class BeginEndPairs:
    """Matches each end with the last open begin of its thread, as Chrome's format defines; across batches."""

    def __init__(self) -> None:
        self._open: dict[tuple[Scalar, Scalar], list[RawEvent]] = {}
        self.unmatched_ends = 0

    @property
    def unmatched_begins(self) -> int:
        """Begins without an end so far."""
        return sum(map(len, self._open.values()))

    def joined(self, events: list[RawEvent]) -> list[RawEvent]:
        """Complete events for the pairs that close within ``events``, which must be in the order of time."""
        complete = []
        for event in events:
            begun = self._open.setdefault((event.pid, event.tid), [])
            if event.ph == "B":
                begun.append(event)
            elif not begun:
                self.unmatched_ends += 1
            else:
                begin = begun.pop()
                begin.ph = "X"
                begin.dur = None if begin.ts is None or event.ts is None else event.ts - begin.ts
                complete.append(begin)
        return complete
