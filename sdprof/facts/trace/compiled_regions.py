"""Regions that torch.compile made, and compilations that ran while the trace was recorded."""

from __future__ import annotations

import re

import msgspec
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS

# torch/_dynamo/utils.py and torch/_inductor/output_code.py name these ranges.
_REGION = re.compile(r"^Torch-Compiled Region: (?:(?P<prefix>\d+/)??(?P<frame>\d+)/(?P<version>\d+)|.*)")
_COMPILING = r"\(dynamo_timed\)$"
_COMPILED = rf"^Torch-Compiled Region|{_COMPILING}"


class CompiledRegion(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one compiled region."""

    name: str
    frame: int | None
    """Number of the Python frame that TorchDynamo compiled; None where the name has none (before torch 2.6)."""
    version: int | None
    """0 for the first compilation of the frame, more for each recompilation."""
    calls: int
    host_us: float


class Compilation(msgspec.Struct, frozen=True, kw_only=True):
    """What torch.compile did in the trace."""

    regions: tuple[CompiledRegion, ...]
    """Most time first."""
    recompiled_frames: int
    """Frames of which a later version than the first ran: they were compiled again, here or before."""
    compilations: int
    """Compilations of frames that ran while recording."""
    compiling_us: float
    """Time in them."""


def compilation(analysis: Analysis) -> Compilation:
    """Compiled regions, recompilations and compilations; all empty for eager code."""
    trace = analysis.trace
    if not analysis.distinct_names.where(lambda names: names.str.contains(_COMPILED)).any():
        return Compilation(regions=(), recompiled_frames=0, compilations=0, compiling_us=0.0)
    ranges = pl.concat([trace.operators.select("name", "duration_ns"), trace.annotations.select("name", "duration_ns")])
    names = ranges["name"].unique().cast(pl.String)
    regions_named = names.filter(names.str.starts_with("Torch-Compiled Region"))
    totals = (
        ranges.filter(pl.col("name").is_in(regions_named.cast(pl.Categorical).implode()))
        .group_by("name", maintain_order=True)
        .agg(calls=pl.len(), ns=pl.col("duration_ns").sum())
        .sort("ns", descending=True, maintain_order=True)
    )
    regions = []
    for name, calls, nanoseconds in totals.iter_rows():
        found = _REGION.match(name)
        numbered = found is not None and found["frame"] is not None
        regions.append(
            CompiledRegion(
                name=name,
                frame=int(found["frame"]) if found and numbered else None,
                version=int(found["version"]) if found and numbered else None,
                calls=calls,
                host_us=nanoseconds / NS,
            )
        )
    compiling = ranges.filter(
        pl.col("name").is_in(names.filter(names.str.contains(_COMPILING)).cast(pl.Categorical).implode())
    )
    whole = compiling.filter(pl.col("name").cast(pl.String).str.starts_with("_compile.compile_inner"))
    return Compilation(
        regions=tuple(regions),
        recompiled_frames=len({region.frame for region in regions if region.version}),
        compilations=whole.height,
        compiling_us=int(whole["duration_ns"].sum()) / NS,
    )
