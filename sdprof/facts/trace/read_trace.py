"""Reads a Kineto trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from sdprof.facts.trace.step_marks import marks_as_annotations
from sdprof.facts.trace.tables import TableMaker
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND, Trace
from sdprof.facts.trace.trace_header import trace_metadata
from sdprof.facts.trace_file.file_chunks import file_chunks
from sdprof.facts.trace_file.parsed_stretch import Beside, parse_stretch
from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.facts.trace_file.trace_error import TraceError
from sdprof.facts.trace_file.two_readers import read_in_two


def read_trace(path: Path | str, limits: ReadLimits | None = None) -> Trace:
    """A trace that torch.profiler wrote, from CUDA, ROCm or a CPU, plain or gzip, of any Kineto version since 2021.

    The file is parsed in chunks, a large one by two processes; only the columns stay in memory.

    :raises TraceError: the file is no readable trace, or larger than the limits; one sentence says what to do.
    """
    path = Path(path)
    limits = limits or ReadLimits()
    stretches = read_in_two(path, limits) or (parse_stretch(str(path), file_chunks(path, limits), limits),)
    found = [stretch.beside for stretch in stretches]
    maker = TableMaker(next((beside.origin_us for beside in found if beside.origin_us is not None), 0.0))
    tables = marks_as_annotations(maker.tables([stretch.columns for stretch in stretches]))
    header = {name: value for beside in found for name, value in beside.metadata.items()}
    trace = Trace(
        name=path.name,
        origin_us=maker.origin_us,
        metadata=trace_metadata(header),
        header=header,
        gaps=(*_gaps(found, maker), *_ambiguous_launches(tables["runtime_calls"])),
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
        unreadable = sum(beside.unreadable_events for beside in found)
        raise TraceError(
            f"{path} has a list traceEvents without any operator, call or kernel"
            + (f" ({unreadable} entries are no events that can be read)" if unreadable else "")
            + ": record the workload while the profiler is on."
        )
    return trace


def _gaps(found: Sequence[Beside], maker: TableMaker) -> list[str]:
    gaps = [note for beside in found for note in beside.notes]
    if any(beside.repaired for beside in found):
        gaps.append("The file was not valid JSON in places (bare NaN, bad escapes or bytes) and was mended.")
    unreadable = sum(beside.unreadable_events for beside in found)
    if unreadable:
        gaps.append(f"{unreadable} entries are no events that can be read and were left out.")
    left_out, unknown = Counter(maker.left_out), Counter[str]()
    for beside in found:
        left_out["without a matching begin or end"] += beside.unmatched
        unknown.update(beside.unknown_categories)
    gaps += [f"{count} events {reason} were left out." for reason, count in left_out.items() if count]
    gaps += [
        f"{count} events of the unknown category {category!r} were left out." for category, count in unknown.items()
    ]
    if maker.rounded_to_us:
        gaps.append(
            f"Time stamps with decimals are too large for double precision: starts are rounded to "
            f"{maker.rounded_to_us * NANOSECONDS_PER_MICROSECOND:.3g} ns, durations are exact."
        )
    return gaps


def _ambiguous_launches(runtime_calls: pl.DataFrame) -> list[str]:
    ids = runtime_calls["correlation"].drop_nulls()
    if ids.n_unique() == len(ids):
        return []
    duplicates = ids.value_counts().filter(pl.col("count") > 1).height
    if not duplicates:
        return []
    return [
        f"{duplicates} correlation ids belong to more than one call: GPU events that carry them are not linked to the "
        "host."
    ]
