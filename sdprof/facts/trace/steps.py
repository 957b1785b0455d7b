"""The steps of the recorded loop."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import KERNEL
from sdprof.facts.trace.host_tree import ANNOTATION, MODULE_PREFIX, OPERATOR
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.repeating_pattern import repetition
from sdprof.facts.trace.step_marks import PROFILER_STEP
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS

FoundBy = Literal["ProfilerStep", "annotation", "module calls", "compiled region", "repeating operators", "none"]

_COMPILED_REGION = "Torch-Compiled Region"
# A range that covers less of the recording than this is a part of a step, not the step.
_LEAST_COVERAGE = 0.25
_NUMBERED = r"[\s_#:=-]*\d+$"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step, by the host's clock; the GPU may work on it later."""

    name: str
    start_us: float
    """Since the first event of the trace."""
    seconds: float
    """ProfilerStep and annotations: as recorded. Otherwise from the start of one call to the start of the next; the
    last step ends with its call."""
    gpu_events: int
    """Launched during the step."""
    kernels: int
    device_busy_us: float
    """Union of the intervals of these GPU events."""
    device_span_us: float
    """From the first start to the last end of these."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """The steps and how they were told."""

    found_by: FoundBy
    name: str
    """Of what repeats: an annotation, a module, a region."""
    steps: tuple[Step, ...]


class _Ranges(NamedTuple):
    found_by: FoundBy
    name: str
    names: list[str]
    start: Indices
    end: Indices


def steps(analysis: Analysis) -> Steps:
    """Steps from ProfilerStep marks; else from the repeated annotation, module or compiled region with most time.

    Else from the repeating pattern of operators, which may be a model's layers: read ``found_by``.
    """
    marked = _profiler_steps(analysis)
    if marked is not None and len(marked.start) > 1:
        return _described(analysis, marked)
    repeated = _repeated_ranges(analysis)
    if repeated is not None:
        return _described(analysis, repeated)
    # With modules recorded and none repeated, a pattern of operators would be the layers of a single call.
    found = marked or (None if analysis.tree.is_module.any() else _repeating_operators(analysis))
    return _described(analysis, found) if found is not None else Steps(found_by="none", name="", steps=())


def _profiler_steps(analysis: Analysis) -> _Ranges | None:
    marks = (
        analysis.trace.annotations.filter(pl.col("name").cast(pl.String).str.starts_with(PROFILER_STEP))
        .unique("name", keep="first", maintain_order=True)
        .sort("start_ns")
    )
    if not marks.height:
        return None
    start = marks["start_ns"].to_numpy()
    return _Ranges(
        "ProfilerStep", "ProfilerStep", marks["name"].to_list(), start, start + marks["duration_ns"].to_numpy()
    )


def _repeated_ranges(analysis: Analysis) -> _Ranges | None:
    """The repeated range with the most time; inside it, everything else takes less."""
    tree = analysis.tree
    regions = analysis.distinct_names.where(lambda names: names.str.starts_with(_COMPILED_REGION))
    is_region = regions & (tree.kind == OPERATOR)
    candidates = np.flatnonzero((tree.kind == ANNOTATION) | tree.is_module | is_region)
    if not len(candidates):
        return None
    is_annotation = pl.Series(tree.kind[candidates] == ANNOTATION)
    ranges = pl.DataFrame(
        {
            "name": analysis.host_names.gather(candidates).cast(pl.String),
            "thread": tree.thread[candidates],
            "start": tree.start[candidates],
            "end": tree.end[candidates],
        }
    ).with_columns(
        what=pl.when(is_annotation).then(pl.col("name").str.replace(_NUMBERED, "")).otherwise(pl.col("name"))
    )
    likeliest = (
        ranges.group_by("what", "thread", maintain_order=True)
        .agg(pl.len().alias("count"), total=(pl.col("end") - pl.col("start")).sum())
        .filter(pl.col("count") > 1)
        .sort("total", descending=True, maintain_order=True)
    )
    extent = int(tree.end.max() - tree.start.min())
    for what, thread, _, total in likeliest.iter_rows():
        if total < _LEAST_COVERAGE * extent:
            break
        members = ranges.filter((pl.col("what") == what) & (pl.col("thread") == thread)).sort("start")
        members = members.filter(pl.col("start") >= pl.col("end").cum_max().shift(1, fill_value=members["start"][0]))
        start, end = members["start"].to_numpy(), members["end"].to_numpy()
        if len(start) < 2 or int((end - start).sum()) < _LEAST_COVERAGE * extent:
            continue
        if what.startswith(MODULE_PREFIX):
            found_by: FoundBy = "module calls"
        else:
            found_by = "compiled region" if what.startswith(_COMPILED_REGION) else "annotation"
        if found_by != "annotation":
            end = np.append(start[1:], end[-1])
        return _Ranges(found_by, what.removeprefix(MODULE_PREFIX), members["name"].to_list(), start, end)
    return None


def _repeating_operators(analysis: Analysis) -> _Ranges | None:
    """The pattern of the outermost operators of the thread that has most of them, or of the kernels."""
    tree = analysis.tree
    outermost = np.flatnonzero((tree.kind == OPERATOR) & (tree.enclosing(tree.operator) == NONE))
    if len(outermost):
        thread = np.bincount(tree.thread[outermost]).argmax()
        chosen = outermost[tree.thread[outermost] == thread]
        codes = analysis.distinct_names.codes[chosen]
        start, end = tree.start[chosen], tree.end[chosen]
    else:
        kernels = analysis.device.kind == KERNEL
        codes = analysis.device.table["name"].to_physical().to_numpy()[kernels].astype(np.int64)
        start = analysis.device.start[kernels]
        end = start + analysis.device.duration[kernels]
    found = repetition(codes)
    if found is None:
        return None
    firsts = found.start + found.period * np.arange(found.repeats)
    last = found.start + found.period * found.repeats - 1
    starts = start[firsts]
    name = f"pattern of {found.period} operators" if len(outermost) else f"pattern of {found.period} kernels"
    return _Ranges("repeating operators", name, [name] * found.repeats, starts, np.append(starts[1:], end[last]))


def _described(analysis: Analysis, ranges: _Ranges) -> Steps:
    events = analysis.device
    by_launch = np.argsort(analysis.launched_at, kind="stable")
    launched = analysis.launched_at[by_launch]
    firsts, lasts = np.searchsorted(launched, ranges.start), np.searchsorted(launched, ranges.end)
    described = []
    for name, start, end, first, last in zip(
        ranges.names, ranges.start.tolist(), ranges.end.tolist(), firsts.tolist(), lasts.tolist(), strict=True
    ):
        mine = by_launch[first : max(first, last)]
        began, lasted = events.start[mine], events.duration[mine]
        described.append(
            Step(
                name=name.removeprefix(MODULE_PREFIX),
                start_us=start / NS,
                seconds=(end - start) / NS * 1e-6,
                gpu_events=len(mine),
                kernels=int((events.kind[mine] == KERNEL).sum()),
                device_busy_us=Intervals.union(began, lasted).total / NS,
                device_span_us=int((began + lasted).max() - began.min()) / NS if len(began) else 0.0,
            )
        )
    return Steps(found_by=ranges.found_by, name=ranges.name, steps=tuple(described))
