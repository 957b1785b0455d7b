"""Calls that made the host wait for the GPU, and who made them."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.distinct_names import Flags
from sdprof.facts.trace.python_site import Site
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class SyncSite(msgspec.Struct, frozen=True, kw_only=True):
    """Waits of one kind that one place asked for."""

    site: Site
    count: int
    host_us: float


class SyncGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Synchronising calls of one name."""

    name: str
    count: int
    host_us: float
    """Time inside the calls: the wait, and a microsecond or so of overhead each."""
    sites: tuple[SyncSite, ...]
    """The longest waits first."""


def syncs(analysis: Analysis) -> tuple[SyncGroup, ...]:
    """Calls whose only purpose is to wait (cudaStreamSynchronize and its like), most time first."""
    return _grouped(analysis, analysis.waits)


def blocking_copies(analysis: Analysis) -> tuple[SyncGroup, ...]:
    """Copying calls that wait until they are done (cudaMemcpy, hipMemcpyWithStream); they are no part of ``syncs``."""
    return _grouped(analysis, analysis.blocking_copies)


def _grouped(analysis: Analysis, which: Flags) -> tuple[SyncGroup, ...]:
    calls, of_row = analysis.trace.runtime_calls, analysis.tree.row
    chosen = np.flatnonzero(which)
    chosen = chosen[np.argsort(of_row[chosen])]  # by row: groups keep the order of the file
    waits = calls.select("name", us=pl.col("duration_ns") / NS)[of_row[chosen]].with_columns(
        event=pl.Series(chosen, dtype=pl.Int64)
    )
    groups = []
    for (name,), members in waits.group_by("name", maintain_order=True):
        by_site: dict[Site, list[float]] = {}
        for event, microseconds in zip(members["event"], members["us"], strict=True):
            by_site.setdefault(analysis.site(event), []).append(microseconds)
        groups.append(
            SyncGroup(
                name=str(name),
                count=members.height,
                host_us=float(members["us"].sum()),
                sites=tuple(
                    sorted(
                        (SyncSite(site=site, count=len(us), host_us=sum(us)) for site, us in by_site.items()),
                        key=lambda entry: entry.host_us,
                        reverse=True,
                    )
                ),
            )
        )
    return tuple(sorted(groups, key=lambda group: group.host_us, reverse=True))
