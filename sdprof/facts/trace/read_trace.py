"""Reads a Kineto trace."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from sdprof.facts.trace.file_chunks import file_chunks
from sdprof.facts.trace.parsed_stretch import Beside, parse_stretch
from sdprof.facts.trace.read_limits import ReadLimits
from sdprof.facts.trace.step_marks import marks_as_annotations
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND, Trace
from sdprof.facts.trace.trace_error import TraceError
from sdprof.facts.trace.trace_header import trace_metadata
from sdprof.facts.trace.two_readers import read_in_two


def read_trace(path: Path | str, limits: ReadLimits | None = None) -> Trace:
    """A trace that torch.profiler wrote, from CUDA, ROCm or a CPU, plain or gzip, of any Kineto version since 2021.

    The file is parsed in chunks, a large one by two processes; only the tables stay in memory.

    :raises TraceError: the file is no readable trace, or larger than the limits; one sentence says what to do.
    """
    path = Path(path)
    limits = limits or ReadLimits()
    parsed = read_in_two(path, limits) or parse_stretch(str(path), file_chunks(path, limits), limits)
    tables, beside = marks_as_annotations(parsed.tables), parsed.beside
    trace = Trace(
        name=path.name,
        origin_us=beside.origin_us,
        metadata=trace_metadata(beside.metadata),
        header=beside.metadata,
        gaps=(*_gaps(beside), *_ambiguous_launches(tables["runtime_calls"])),
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


def _gaps(beside: Beside) -> list[str]:
    gaps = list(beside.notes)
    if beside.repaired:
        gaps.append("The file was not valid JSON in places (bare NaN, bad escapes or bytes) and was mended.")
    if beside.unreadable_events:
        gaps.append(f"{beside.unreadable_events} entries are no events that can be read and were left out.")
    gaps += [f"{count} events {reason} were left out." for reason, count in beside.left_out.items()]
    gaps += [
        f"{count} events of the unknown category {category!r} were left out."
        for category, count in beside.unknown_categories.items()
    ]
    if beside.rounded_to_us:
        gaps.append(
            f"Time stamps with decimals are too large for double precision: starts are rounded to "
            f"{beside.rounded_to_us * NANOSECONDS_PER_MICROSECOND:.3g} ns, durations are exact."
        )
    return gaps


def _ambiguous_launches(runtime_calls: pl.DataFrame) -> list[str]:
    duplicates = runtime_calls["correlation"].drop_nulls().value_counts().filter(pl.col("count") > 1).height
    if not duplicates:
        return []
    return [
        f"{duplicates} correlation ids belong to more than one call: GPU events that carry them are not linked to the "
        "host."
    ]
