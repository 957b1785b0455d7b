"""Copies between host and device: how many, how many bytes, and who asked for them."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.copy_ways import copy_way
from sdprof.facts.trace.device_events import COPY
from sdprof.facts.trace.python_site import Site
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class CopySite(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of one kind that one place asked for."""

    site: Site
    count: int
    bytes: int | None
    device_us: float
    host_us: float
    """Time the host spent inside the copying calls."""


class CopyGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of one direction between two kinds of memory."""

    direction: str
    """H2D, D2H, D2D or P2P; the trace's own word where it is another."""
    source: str
    """Pageable, Pinned, Device, Host (ROCm does not tell pageable from pinned), Peer, …"""
    destination: str
    count: int
    bytes: int | None
    """None where the trace gives no size for one of them or more."""
    device_us: float
    bytes_per_second: float | None
    sites: tuple[CopySite, ...]
    """The costliest first."""


def copies(analysis: Analysis) -> tuple[CopyGroup, ...]:
    """Copies by direction and memory, most time on the device first."""
    events = analysis.device
    chosen = np.flatnonzero(events.kind == COPY)
    launch = events.launch[chosen]
    call_us = np.where(launch >= 0, analysis.tree.duration[launch], 0) / NS if len(analysis.tree.kind) else 0.0
    table = events.table[chosen].select(
        "name",
        "bytes",
        device_us=pl.col("duration_ns") / NS,
        host_us=pl.lit(pl.Series(np.broadcast_to(call_us, len(chosen)), dtype=pl.Float64)),
        asked_by=pl.lit(pl.Series(_asker(analysis, chosen), dtype=pl.Int64)),
        launch=pl.lit(pl.Series(launch, dtype=pl.Int64)),
        operator=pl.lit(pl.Series(events.operator[chosen], dtype=pl.Int64)),
    )
    groups = [_group(analysis, str(name), members) for (name,), members in table.group_by("name", maintain_order=True)]
    return tuple(sorted(groups, key=lambda group: group.device_us, reverse=True))


def _asker(analysis: Analysis, chosen: np.ndarray) -> np.ndarray:
    """What makes two copies one site: the innermost Python call's name and the operator's name, as one number."""
    events = analysis.device
    python = analysis.names_of(events.python[chosen]).to_physical().fill_null(0).cast(pl.Int64)
    operator = analysis.names_of(events.operator[chosen]).to_physical().fill_null(0).cast(pl.Int64)
    return (python * (1 << 32) + operator).to_numpy()


def _group(analysis: Analysis, name: str, members: pl.DataFrame) -> CopyGroup:
    way = copy_way(name)
    total_us = float(members["device_us"].sum())
    size = _bytes(members)
    sites = []
    for _, asked in members.group_by("asked_by", maintain_order=True):
        first = int(asked["launch"][0])
        sites.append(
            CopySite(
                site=analysis.site(first if first >= 0 else int(asked["operator"][0])),
                count=asked.height,
                bytes=_bytes(asked),
                device_us=float(asked["device_us"].sum()),
                host_us=float(asked["host_us"].sum()),
            )
        )
    return CopyGroup(
        direction=way.direction,
        source=way.source,
        destination=way.destination,
        count=members.height,
        bytes=size,
        device_us=total_us,
        bytes_per_second=size / (total_us * 1e-6) if size is not None and total_us > 0 else None,
        sites=tuple(sorted(sites, key=lambda site: site.device_us + site.host_us, reverse=True)),
    )


def _bytes(members: pl.DataFrame) -> int | None:
    return None if members["bytes"].null_count() else int(members["bytes"].sum())
