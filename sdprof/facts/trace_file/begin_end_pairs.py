"""Joins the begin and end events of older writers into complete ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdprof.facts.trace_file.raw_event import BeginEvent, EndEvent, RawEvent, Scalar


class BeginEndPairs:
    """Matches each end with the last open begin of its thread, as Chrome's format defines; across batches."""

    def __init__(self) -> None:
        self._open: dict[tuple[Scalar, Scalar], list[BeginEvent]] = {}
        self.unmatched_ends = 0

    @property
    def unmatched_begins(self) -> int:
        """Begins without an end so far."""
        return sum(map(len, self._open.values()))

    def joined(self, events: Iterable[BeginEvent | EndEvent]) -> Iterator[RawEvent]:
        """Complete events for the pairs that close within ``events``, which must be in the order of time."""
        for event in events:
            begun = self._open.setdefault((event.pid, event.tid), [])
            if isinstance(event, BeginEvent):
                begun.append(event)
            elif not begun:
                self.unmatched_ends += 1
            else:
                begin = begun.pop()
                duration = None if begin.ts is None or event.ts is None else event.ts - begin.ts
                yield RawEvent(
                    cat=begin.cat,
                    name=begin.name,
                    pid=begin.pid,
                    tid=begin.tid,
                    ts=begin.ts,
                    dur=duration,
                    args=begin.args,
                )
