"""Kernels by name, by the operator that launched them, and by the module that it belongs to."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import KERNEL
from sdprof.facts.trace.distinct_names import DistinctNames
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS

UNKNOWN = "(launch not recorded)"
OUTSIDE = "(outside any)"
_UNKNOWN_CODE, _OUTSIDE_CODE = -1, -2
_NAMELESS = {_UNKNOWN_CODE: UNKNOWN, _OUTSIDE_CODE: OUTSIDE}


class KernelTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Kernels of one name, or launched by one operator or module."""

    name: str
    count: int
    device_us: float
    share: float
    """Of the time of all kernels."""
    longest_us: float


def kernels_by_name(analysis: Analysis) -> tuple[KernelTotal, ...]:
    """Most time first."""
    kernels = analysis.device.kind == KERNEL
    names = DistinctNames(analysis.device.table["name"].filter(kernels))
    return _totals(analysis.device.duration[kernels], names.codes, names)


def kernels_by_operator(analysis: Analysis) -> tuple[KernelTotal, ...]:
    """By the innermost operator around the launch, most time first."""
    return _launched_by(analysis, analysis.device.operator)


def kernels_by_module(analysis: Analysis) -> tuple[KernelTotal, ...]:
    """By the innermost nn.Module call around the launch, most time first; empty where no modules were recorded."""
    if not analysis.tree.is_module.any():
        return ()
    return _launched_by(analysis, analysis.device.module)


def _launched_by(analysis: Analysis, owner: Indices) -> tuple[KernelTotal, ...]:
    kernels = analysis.device.kind == KERNEL
    owner, launch = owner[kernels], analysis.device.launch[kernels]
    codes = np.where(launch == NONE, _UNKNOWN_CODE, _OUTSIDE_CODE)
    owned = np.flatnonzero(owner != NONE)
    codes[owned] = analysis.distinct_names.codes[owner[owned]]
    return _totals(analysis.device.duration[kernels], codes, analysis.distinct_names)


def _totals(durations: Indices, codes: Indices, names: DistinctNames) -> tuple[KernelTotal, ...]:
    """By code: of a name, or of what has none."""
    total = int(durations.sum())
    totals = (
        pl.DataFrame({"code": codes, "ns": durations})
        .group_by("code", maintain_order=True)
        .agg(count=pl.len(), total=pl.col("ns").sum(), longest=pl.col("ns").max())
        .sort("total", descending=True, maintain_order=True)
    )
    return tuple(
        KernelTotal(
            name=_NAMELESS.get(code) or names.text(code),
            count=count,
            device_us=nanoseconds / NS,
            share=nanoseconds / total if total else 0.0,
            longest_us=longest / NS,
        )
        for code, count, nanoseconds, longest in totals.iter_rows()
    )
