"""Batches of parsed events in, columns of each kind of event out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from sdprof.facts.trace_file.begin_end_pairs import BeginEndPairs
from sdprof.facts.trace_file.event_columns import EventColumns
from sdprof.facts.trace_file.event_kinds import IGNORED_CATEGORIES, KIND_OF_CATEGORY
from sdprof.facts.trace_file.raw_event import AnyEvent, BeginEvent, EndEvent, RawEvent
from sdprof.facts.trace_file.usable_times import LATEST_MICROSECONDS


class _SortedEvents(dict[str, Callable[[RawEvent], None]]):
    """By category, what takes an event into the list of its kind: one look-up for each event."""

    def __init__(self) -> None:
        super().__init__()
        self.by_kind: dict[str | None, list[RawEvent]] = {}
        """Those of unknown categories are under None."""

    def __missing__(self, category: str) -> Callable[[RawEvent], None]:
        take = self[category] = self.by_kind.setdefault(KIND_OF_CATEGORY.get(category), []).append
        return take


class EventCollector:
    """Collects events; a row for each complete one of a known kind."""

    def __init__(self) -> None:
        self.columns: dict[str, EventColumns] = {}
        """By kind, in the order of the first event of each."""
        self.origin_us: float | None = None
        """Start of the first event with a usable one, in whole microseconds."""
        self.unknown_categories: Counter[str] = Counter()
        self._pairs = BeginEndPairs()

    def add(self, events: Sequence[AnyEvent]) -> None:
        """Sorts a batch into columns."""
        sorted_events = _SortedEvents()
        begins_and_ends: list[BeginEvent | EndEvent] = []
        # By identity of the class: a third of a GPU trace are flow arrows, and isinstance() takes five times as long.
        for event in events:
            shape = type(event)
            if shape is RawEvent:
                sorted_events[event.cat](event)
            elif shape is BeginEvent or shape is EndEvent:
                begins_and_ends.append(event)  # type: ignore[arg-type]
        for event in self._pairs.joined(begins_and_ends):
            sorted_events[event.cat](event)
        for kind, members in sorted_events.by_kind.items():
            if kind is None:
                self.unknown_categories.update(e.cat[:80] for e in members if e.cat not in IGNORED_CATEGORIES)
                continue
            if self.origin_us is None:
                self.origin_us = _first_start(members)
            if kind not in self.columns:
                self.columns[kind] = EventColumns(kind)
            self.columns[kind].add(members)

    @property
    def unmatched(self) -> int:
        """Begins without an end, and ends without a begin, so far."""
        return self._pairs.unmatched_begins + self._pairs.unmatched_ends


def _first_start(events: Sequence[RawEvent]) -> float | None:
    for event in events:
        start, duration = math.nan if event.ts is None else event.ts, -1 if event.dur is None else event.dur
        if abs(start) < LATEST_MICROSECONDS and 0 <= duration < LATEST_MICROSECONDS:
            return float(math.floor(start))
    return None
