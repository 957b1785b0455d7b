"""Batches of parsed events in, one table for each kind of event out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.begin_end_pairs import BeginEndPairs
from sdprof.facts.trace.event_columns import identifier_column, number_column, raw_text_column, text_column
from sdprof.facts.trace.event_kinds import IGNORED_CATEGORIES, KIND_OF_CATEGORY
from sdprof.facts.trace.raw_event import NO_ARGUMENTS, AnyEvent, BeginEvent, EndEvent, RawArguments, RawEvent, Scalar
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND, SCHEMAS, Schema

Microseconds = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_kind_of = KIND_OF_CATEGORY.get

# Beyond this, nanoseconds do not fit 64 bits (292 years).
_LATEST_MICROSECONDS = 9e15
# Beyond this (52 days), neighbouring doubles are a nanosecond or more apart: decimals are lost while parsing.
_EXACT_MICROSECONDS = 2.0**52 / 1000


class TableBuilder:
    """Collects events; a table row for each complete one, a count for each that had to be left out."""

    def __init__(self, origin_us: float | None = None) -> None:
        """:param origin_us: where the tables' clock begins; by default at the first event."""
        self.origin_us = origin_us or 0.0
        self.origin_known = origin_us is not None
        self.left_out: Counter[str] = Counter()
        """Events of a known kind that are in no table, by reason."""
        self.unknown_categories: Counter[str] = Counter()
        self.rounded_to_us = 0.0
        """To what starts with decimals were rounded, at worst; 0 where nanoseconds are exact."""
        self._parts: dict[str, list[pl.DataFrame]] = defaultdict(list)
        self._pairs = BeginEndPairs()

    def add(self, events: Sequence[AnyEvent]) -> None:
        """Sorts a batch into tables."""
        by_kind: dict[str | None, list[RawEvent]] = defaultdict(list)
        # By identity of the class: a third of a GPU trace are flow arrows, and isinstance() takes five times as long.
        for event in events:
            if type(event) is RawEvent:
                by_kind[_kind_of(event.cat)].append(event)
        if not {BeginEvent, EndEvent}.isdisjoint(map(type, events)):
            begins_and_ends = [event for event in events if isinstance(event, (BeginEvent, EndEvent))]
            for event in self._pairs.joined(begins_and_ends):
                by_kind[_kind_of(event.cat)].append(event)
        for kind, members in by_kind.items():
            if kind is not None:
                self._parts[kind].append(self._table(SCHEMAS[kind], members))
            else:
                self.unknown_categories.update(e.cat[:80] for e in members if e.cat not in IGNORED_CATEGORIES)

    @property
    def unmatched(self) -> int:
        """Begins without an end, and ends without a begin, so far."""
        return self._pairs.unmatched_begins + self._pairs.unmatched_ends

    def tables(self) -> Mapping[str, pl.DataFrame]:
        """All events added so far."""
        if self.unmatched:
            self.left_out["without a matching begin or end"] = self.unmatched
        return {
            kind: pl.concat(self._parts[kind], rechunk=True) if self._parts[kind] else pl.DataFrame(schema=schema)
            for kind, schema in SCHEMAS.items()
        }

    def _table(self, schema: Schema, events: Sequence[RawEvent]) -> pl.DataFrame:
        starts_us = np.array([event.ts for event in events], dtype=np.float64)  # None becomes NaN
        durations_us = np.array([event.dur for event in events], dtype=np.float64)
        usable = self._usable(starts_us, durations_us)
        if not usable.all():
            events = [event for event, keep in zip(events, usable, strict=True) if keep]
            starts_us, durations_us = starts_us[usable], durations_us[usable]
        if not self.origin_known and len(events):
            self.origin_us, self.origin_known = float(np.floor(starts_us[0])), True
        self._notice_rounding(starts_us)
        columns = [
            text_column("name", [event.name for event in events]),
            pl.Series("start_ns", _nanoseconds(starts_us - self.origin_us)),
            pl.Series("duration_ns", _nanoseconds(durations_us)),
        ]
        arguments = [event.args or NO_ARGUMENTS for event in events]
        columns += [
            _column(name, events, arguments) for name in schema if name not in ("name", "start_ns", "duration_ns")
        ]
        return pl.DataFrame(columns)

    def _usable(self, starts_us: Microseconds, durations_us: Microseconds) -> Flags:
        has_start = np.abs(starts_us) < _LATEST_MICROSECONDS
        has_duration = ~np.isnan(durations_us)
        in_range = (durations_us >= 0) & (durations_us < _LATEST_MICROSECONDS)
        self._count("without a usable start", ~has_start)
        self._count("without a duration", has_start & ~has_duration)
        self._count("with a negative or impossible duration", has_start & has_duration & ~in_range)
        usable: Flags = has_start & has_duration & in_range
        return usable

    def _notice_rounding(self, starts_us: Microseconds) -> None:
        # Starts of one trace are alike: one tells whether to look at the others.
        if len(starts_us) and abs(starts_us[0]) > _EXACT_MICROSECONDS and (starts_us != np.floor(starts_us)).any():
            self.rounded_to_us = max(self.rounded_to_us, float(np.spacing(np.abs(starts_us).max())))

    def _count(self, reason: str, which: Flags) -> None:
        if which.any():
            self.left_out[reason] += int(which.sum())


def _nanoseconds(microseconds: Microseconds) -> npt.NDArray[np.int64]:
    whole: npt.NDArray[np.int64] = np.rint(microseconds * NANOSECONDS_PER_MICROSECOND).astype(np.int64)
    return whole


def _column(name: str, events: Sequence[RawEvent], arguments: Sequence[RawArguments]) -> pl.Series:
    # Spelled out, because CPython reads a named attribute in a comprehension twice as fast as through attrgetter.
    match name:
        case "pid":
            return identifier_column(name, [event.pid for event in events])
        case "tid":
            return identifier_column(name, [event.tid for event in events])
        case "device":  # older writers say it in pid and tid alone
            return number_column(name, _or_else([given.device for given in arguments], (e.pid for e in events)))
        case "stream":
            return number_column(name, _or_else([given.stream for given in arguments], (e.tid for e in events)))
        case "external_id":
            older = (given.older_external_id for given in arguments)
            return number_column(name, _or_else([given.external_id for given in arguments], older))
        case "correlation":
            return number_column(name, [given.correlation for given in arguments])
        case "shapes":
            return raw_text_column(name, [given.shapes for given in arguments])
        case "dtypes":
            return raw_text_column(name, [given.dtypes for given in arguments])
        case "call_stack":
            return text_column(name, [given.call_stack for given in arguments])
        case _:
            return number_column(name, list(map(attrgetter(name), arguments)))


def _or_else(values: Sequence[Scalar], others: Iterable[Scalar]) -> Sequence[Scalar]:
    """``values``, and the other one wherever there is none."""
    if not any(value is None for value in values):
        return values
    return [value if value is not None else other for value, other in zip(values, others, strict=True)]
