"""A stretch of a trace file, parsed: columns of its events, and what was met beside them."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec

from sdprof.facts.trace_file.event_collector import EventCollector
from sdprof.facts.trace_file.event_columns import SealedColumns
from sdprof.facts.trace_file.event_stream import EventStream
from sdprof.facts.trace_file.read_limits import ReadLimits


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of a file holds beside the events in columns."""

    origin_us: float | None
    """Start of the first event, in whole microseconds; None where no event has a usable one."""
    metadata: dict[str, Any]
    notes: tuple[str, ...]
    repaired: bool
    unreadable_events: int
    unknown_categories: dict[str, int]
    unmatched: int
    """Begins without an end, and ends without a begin."""


class ParsedStretch(msgspec.Struct, frozen=True, kw_only=True):
    """All or a part of a trace file; it can pass from one process to another."""

    columns: dict[str, SealedColumns]
    """By kind of event."""
    beside: Beside


def parse_stretch(name: str, chunks: Generator[bytes, None, None], limits: ReadLimits) -> ParsedStretch:
    """Parse JSON text chunk by chunk; only the columns stay in memory.

    :raises TraceError: the text is no readable trace, or larger than the limits.
    """
    collector = EventCollector()
    with closing(chunks), without_garbage_collection():
        stream = EventStream(name, chunks, limits)
        for events in stream.batches():
            collector.add(events)
            del events  # before the next batch is parsed, which then takes the same memory
    return ParsedStretch(
        columns={kind: columns.sealed() for kind, columns in collector.columns.items()},
        beside=Beside(
            origin_us=collector.origin_us,
            metadata=stream.metadata,
            notes=tuple(stream.notes),
            repaired=stream.repaired,
            unreadable_events=stream.unreadable_events,
            unknown_categories=dict(collector.unknown_categories),
            unmatched=collector.unmatched,
        ),
    )


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Parsed events hold no cycles, and looking for some among so many takes a tenth of the reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
