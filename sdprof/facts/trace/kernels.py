"""Kernels by name, by the operator that launched them, and by the module that it belongs to."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import KERNEL
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS

UNKNOWN = "(launch not recorded)"
OUTSIDE = "(outside any)"


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
    return _totals(analysis, _kernel_table(analysis)["name"])


def kernels_by_operator(analysis: Analysis) -> tuple[KernelTotal, ...]:
    """By the innermost operator around the launch, most time first."""
    return _totals(analysis, _launched_by(analysis, analysis.device.operator))


def kernels_by_module(analysis: Analysis) -> tuple[KernelTotal, ...]:
    """By the innermost nn.Module call around the launch, most time first; empty where no modules were recorded."""
    if not analysis.tree.is_module.any():
        return ()
    return _totals(analysis, _launched_by(analysis, analysis.device.module))


def _kernel_table(analysis: Analysis) -> pl.DataFrame:
    return analysis.device.table.filter(analysis.device.kind == KERNEL)


def _launched_by(analysis: Analysis, owner: np.ndarray) -> pl.Series:
    kernels = analysis.device.kind == KERNEL
    launched = (analysis.device.launch[kernels] >= 0) | (owner[kernels] >= 0)
    names = analysis.names_of(owner[kernels]).cast(pl.String)
    return (
        names.fill_null(
            pl.select(pl.when(pl.Series(launched)).then(pl.lit(OUTSIDE)).otherwise(pl.lit(UNKNOWN)))["literal"]
        )
        if len(names)
        else names
    )


def _totals(analysis: Analysis, names: pl.Series) -> tuple[KernelTotal, ...]:
    durations = _kernel_table(analysis)["duration_ns"]
    total = int(durations.sum())
    totals = (
        pl.DataFrame({"name": names, "ns": durations})
        .group_by("name", maintain_order=True)
        .agg(count=pl.len(), total=pl.col("ns").sum(), longest=pl.col("ns").max())
        .sort("total", descending=True, maintain_order=True)
    )
    return tuple(
        KernelTotal(
            name=name,
            count=count,
            device_us=nanoseconds / NS,
            share=nanoseconds / total if total else 0.0,
            longest_us=longest / NS,
        )
        for name, count, nanoseconds, longest in totals.iter_rows()
    )
