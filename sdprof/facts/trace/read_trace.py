"""Reads a Kineto trace."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import polars as pl

from sdprof.facts.trace.event_stream import EventStream
from sdprof.facts.trace.file_chunks import file_chunks
from sdprof.facts.trace.read_limits import ReadLimits
from sdprof.facts.trace.table_builder import TableBuilder
from sdprof.facts.trace.trace import Trace
from sdprof.facts.trace.trace_error import TraceError
from sdprof.facts.trace.trace_header import trace_metadata


def read_trace(path: Path | str, limits: ReadLimits | None = None) -> Trace:
    """A trace that torch.profiler wrote, from CUDA, ROCm or a CPU, plain or gzip, of any Kineto version since 2021.

    The file is parsed in chunks; only the tables stay in memory.

    :raises TraceError: the file is no readable trace, or larger than the limits; one sentence says what to do.
    """
    path = Path(path)
    limits = limits or ReadLimits()
    builder = TableBuilder()
    with closing(file_chunks(path, limits)) as chunks, _without_garbage_collection():
        stream = EventStream(str(path), chunks, limits)
        for events in stream.batches():
            builder.add(events)
            del events  # before the next batch is parsed, which then takes the same memory
    tables = builder.tables()
    trace = Trace(
        name=path.name,
        origin_us=builder.origin_us,
        metadata=trace_metadata(stream.metadata),
        header=stream.metadata,
        gaps=(*_gaps(stream, builder), *_ambiguous_launches(tables["runtime_calls"])),
        operators=tables["operators"],
        annotations=tables["annotations"],
        python_calls=tables["python_calls"],
        runtime_calls=tables["runtime_calls"],
        kernels=tables["kernels"],
        copies=tables["copies"],
        memsets=tables["memsets"],
        gpu_annotations=tables["gpu_annotations"],
    )
    if trace.event_count == 0:
        raise TraceError(
            f"{path} has a list traceEvents without any operator, call or kernel: record the workload while the "
            "profiler is on."
        )
    return trace


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Parsed events hold no cycles, and looking for some among so many takes a tenth of the reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _gaps(stream: EventStream, builder: TableBuilder) -> list[str]:
    gaps = list(stream.notes)
    if stream.repaired:
        gaps.append("The file was not valid JSON in places (bare NaN, bad escapes or bytes) and was mended.")
    if stream.unreadable_events:
        gaps.append(f"{stream.unreadable_events} entries are no events that can be read and were left out.")
    gaps += [f"{count} events {reason} were left out." for reason, count in builder.left_out.items()]
    gaps += [
        f"{count} events of the unknown category {category!r} were left out."
        for category, count in builder.unknown_categories.items()
    ]
    return gaps


def _ambiguous_launches(runtime_calls: pl.DataFrame) -> list[str]:
    duplicates = runtime_calls["correlation"].drop_nulls().value_counts().filter(pl.col("count") > 1).height
    if not duplicates:
        return []
    return [
        f"{duplicates} correlation ids belong to more than one call: GPU events that carry them are not linked to the "
        "host."
    ]
