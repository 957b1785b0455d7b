"""A stretch of a trace file, parsed: tables of its events, and what was met beside them."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from sdprof.facts.trace.event_stream import EventStream
from sdprof.facts.trace.read_limits import ReadLimits
from sdprof.facts.trace.table_builder import TableBuilder


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of a file holds beside the events in tables."""

    origin_us: float
    """Where the tables' clock begins."""
    metadata: dict[str, Any]
    notes: tuple[str, ...]
    repaired: bool
    unreadable_events: int
    left_out: dict[str, int]
    """Events of a known kind that are in no table, by reason."""
    unknown_categories: dict[str, int]
    unmatched: int
    """Begins without an end, and ends without a begin."""
    rounded_to_us: float
    """What is left of the decimals of large time stamps; 0 where all are exact."""


@dataclass(frozen=True)
class ParsedStretch:
    """All or a part of a trace file."""

    tables: Mapping[str, pl.DataFrame]
    """By kind of event."""
    beside: Beside


def parse_stretch(
    name: str, chunks: Generator[bytes, None, None], limits: ReadLimits, origin_us: float | None = None
) -> ParsedStretch:
    """Parse JSON text chunk by chunk; only the tables stay in memory.

    :param origin_us: where the tables' clock begins; by default at the first event.
    :raises TraceError: the text is no readable trace, or larger than the limits.
    """
    builder = TableBuilder(origin_us)
    with closing(chunks), without_garbage_collection():
        stream = EventStream(name, chunks, limits)
        for events in stream.batches():
            builder.add(events)
            del events  # before the next batch is parsed, which then takes the same memory
    return ParsedStretch(
        builder.tables(),
        Beside(
            origin_us=builder.origin_us,
            metadata=stream.metadata,
            notes=tuple(stream.notes),
            repaired=stream.repaired,
            unreadable_events=stream.unreadable_events,
            left_out=dict(builder.left_out),
            unknown_categories=dict(builder.unknown_categories),
            unmatched=builder.unmatched,
            rounded_to_us=builder.rounded_to_us,
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
