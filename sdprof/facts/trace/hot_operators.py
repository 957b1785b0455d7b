"""Operators by the time they cost on the host and on the GPU."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.host_tree import OPERATOR
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class OperatorShapes(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of an operator with the same input shapes."""

    shapes: str
    """Sizes of each input as the profiler recorded them; ``[]`` for scalars and what is no tensor."""
    dtypes: str
    count: int
    self_host_us: float
    device_us: float


class HotOperator(msgspec.Struct, frozen=True, kw_only=True):
    """All calls of one operator."""

    name: str
    count: int
    self_host_us: float
    """Host time without the operators that it calls."""
    host_us: float
    """Host time with them; calls of an operator inside itself count once."""
    device_us: float
    """GPU events that it launched itself (the innermost operator around the launch)."""
    share: float
    """Of the trace's cost by operators: device time where a GPU ran, self host time where none did."""
    shapes: tuple[OperatorShapes, ...]
    """The costliest first; empty where the profiler recorded no shapes."""


_LARGEST_NUMBER = 1 << 62
MOST_SHAPES = 64
"""Of one operator: a UNet's products have some forty, and only all of them together tell its operations."""


def hot_operators(analysis: Analysis, most_shapes: int = MOST_SHAPES) -> tuple[HotOperator, ...]:
    """Costliest first: by device time, then by self host time."""
    tree, events = analysis.tree, analysis.device
    operators = np.flatnonzero(tree.kind == OPERATOR)
    if not len(operators):
        return ()
    calls = analysis.trace.operators
    launched = events.operator != NONE
    device = np.bincount(events.operator[launched], weights=events.duration[launched], minlength=len(tree.kind)).astype(
        np.int64
    )
    outer = tree.enclosing(tree.operator)[operators]
    codes = analysis.distinct_names.codes
    recursive = (outer != NONE) & (codes[outer] == codes[operators])
    table = pl.DataFrame(
        {
            "alike": _number_of_each(calls["name"], calls["shapes"], calls["dtypes"])[tree.row[operators]],
            "row": tree.row[operators],
            "own": tree.self_time(tree.operator)[operators],
            "host": np.where(recursive, 0, tree.duration[operators]),
            "device": device[operators],
        }
    )
    by_shapes = table.group_by("alike", maintain_order=True).agg(
        pl.col("row").first(), pl.len().alias("count"), pl.col("own", "host", "device").sum()
    )
    by_shapes = calls.select("name", "shapes", "dtypes")[by_shapes["row"]].hstack(by_shapes.drop("alike", "row"))
    order = ["device", "own"]
    totals = (
        by_shapes.group_by("name", maintain_order=True)
        .agg(pl.col("count", "own", "host", "device").sum())
        .sort(order, descending=True, maintain_order=True)
    )
    shapes: dict[str, list[OperatorShapes]] = {}
    for name, sizes, dtypes, count, own, _, on_device in (
        by_shapes.filter(pl.col("shapes").is_not_null()).sort(order, descending=True, maintain_order=True).iter_rows()
    ):
        kept = shapes.setdefault(name, [])
        if len(kept) < most_shapes:
            kept.append(
                OperatorShapes(
                    shapes=_one_line(sizes),
                    dtypes=_one_line(dtypes or ""),
                    count=count,
                    self_host_us=own / NS,
                    device_us=on_device / NS,
                )
            )
    cost = "device" if len(events) else "own"
    total = int(totals[cost].sum())
    return tuple(
        HotOperator(
            name=row["name"],
            count=row["count"],
            self_host_us=row["own"] / NS,
            host_us=row["host"] / NS,
            device_us=row["device"] / NS,
            share=row[cost] / total if total else 0.0,
            shapes=tuple(shapes.get(row["name"], ())),
        )
        for row in totals.iter_rows(named=True)
    )


def _number_of_each(*columns: pl.Series) -> Indices:
    """One number for the texts of all columns, equal for rows that are alike: grouping by it is the fastest."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes = column.to_physical().cast(pl.Int64).fill_null(NONE).to_numpy() + 1
        if len(codes) and (int(numbers.max()) + 1) * (int(codes.max()) + 1) > _LARGEST_NUMBER:
            _, numbers = np.unique(numbers, return_inverse=True)
            _, codes = np.unique(codes, return_inverse=True)
        numbers = numbers * (int(codes.max(initial=0)) + 1) + codes
    return numbers


def _one_line(json: str) -> str:
    try:
        return msgspec.json.format(json, indent=0)
    except (msgspec.DecodeError, RecursionError):
        return " ".join(json.split())
