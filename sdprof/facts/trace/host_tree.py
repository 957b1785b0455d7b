"""Which host event ran inside which: operators, annotations, Python functions and runtime calls of a thread nest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.trace import Trace

OPERATOR, ANNOTATION, PYTHON, RUNTIME = range(4)
NONE = -1
MODULE_PREFIX = "nn.Module: "

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HostTree:
    """Host events as a forest, one tree after another, parents before children.

    All arrays have one entry an event, in the order of (thread, start). An event's ``end`` is cut to its parent's:
    clocks of different sources disagree by microseconds.
    """

    kind: npt.NDArray[np.int8]
    """OPERATOR, ANNOTATION, PYTHON or RUNTIME."""
    row: Indices
    """Row in the trace's table of that kind."""
    thread: npt.NDArray[np.int32]
    """Threads are numbered from 0 in the order of (pid, tid)."""
    start: Indices
    end: Indices
    parent: Indices
    """Index of the innermost event that encloses this one, or NONE."""
    levels: tuple[Indices, ...]
    """Indices of the events at each depth."""
    is_module: npt.NDArray[np.bool_]
    """Calls of an nn.Module, which are Python events too."""

    def nearest(self, chosen: npt.NDArray[np.bool_]) -> Indices:
        """For each event, the innermost chosen event among itself and its ancestors, or NONE."""
        found = np.where(chosen, np.arange(len(chosen)), NONE)
        for level in self.levels[1:]:
            orphans = level[found[level] == NONE]
            found[orphans] = found[self.parent[orphans]]
        return found

    def enclosing(self, nearest: Indices) -> Indices:
        """For each event, the innermost chosen event among its ancestors alone, from what ``nearest`` found."""
        return np.where(self.parent == NONE, NONE, nearest[self.parent])

    @cached_property
    def operator(self) -> Indices:
        """For each event, the innermost operator among itself and its ancestors, or NONE."""
        return self.nearest(self.kind == OPERATOR)

    @cached_property
    def python(self) -> Indices:
        """For each event, the innermost Python function among itself and its ancestors, or NONE."""
        return self.nearest(self.kind == PYTHON)

    @cached_property
    def module(self) -> Indices:
        """For each event, the innermost nn.Module call among itself and its ancestors, or NONE."""
        return self.nearest(self.is_module)

    @property
    def duration(self) -> Indices:
        """Nanoseconds, cut to the parent's."""
        return self.end - self.start

    def self_time(self, nearest: Indices) -> Indices:
        """Nanoseconds of each chosen event minus those of the chosen events inside it, others looked through.

        :param nearest: the innermost chosen event of each event, as ``nearest`` gives it.
        """
        chosen = nearest == np.arange(len(nearest))
        enclosing = self.enclosing(nearest)
        inner = chosen & (enclosing != NONE)
        taken = np.bincount(enclosing[inner], weights=self.duration[inner], minlength=len(chosen))
        return self.duration - taken.astype(np.int64)

    def of_rows(self, kind: int, rows: int) -> Indices:
        """The index in this tree of each row of a table."""
        index = np.full(rows, NONE, np.int64)
        mine = np.flatnonzero(self.kind == kind)
        index[self.row[mine]] = mine
        return index


def host_tree(trace: Trace) -> HostTree:
    """Nests the host events of each thread by their times."""
    tables = (trace.operators, trace.annotations, trace.python_calls, trace.runtime_calls)
    events = pl.concat(
        [
            table.select(
                pl.lit(kind, pl.Int8).alias("kind"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
                "pid",
                "tid",
                pl.col("start_ns").alias("start"),
                (pl.col("start_ns") + pl.col("duration_ns")).alias("end"),
            )
            for kind, table in enumerate(tables)
        ]
    )
    # At equal times the kind decides who is outside: a Python function calls the operator, never the other way round.
    outside_first = pl.col("kind").replace_strict({PYTHON: 0, ANNOTATION: 1, OPERATOR: 2, RUNTIME: 3})
    events = events.with_columns(
        thread=pl.struct(pl.col("pid").fill_null(0), pl.col("tid").fill_null(0)).rank("dense").cast(pl.Int32) - 1
    ).sort("thread", "start", "end", outside_first, descending=[False, False, True, False], maintain_order=True)
    thread = events["thread"].to_numpy()
    start, end = events["start"].to_numpy(), events["end"].to_numpy()
    parent, depth, end = _nested(thread, start, end)
    kind, row = events["kind"].to_numpy(), events["row"].to_numpy()
    modules = trace.python_calls["name"].cast(pl.String).str.starts_with(MODULE_PREFIX).to_numpy()
    is_module = np.zeros(len(kind), np.bool_)
    python = np.flatnonzero(kind == PYTHON)
    is_module[python] = modules[row[python]]
    by_depth = np.argsort(depth, kind="stable")
    levels = np.split(by_depth, np.cumsum(np.bincount(depth)))[:-1] if len(depth) else []
    return HostTree(kind, row, thread, start, end, parent, tuple(levels), is_module)


def _nested(
    thread: npt.NDArray[np.int32], start: Indices, end: Indices
) -> tuple[Indices, npt.NDArray[np.int16], Indices]:
    """Parent, depth and cut end of each event; the events come in the order of (thread, start, -end).

    A loop, because a later event that outlasts its parent must be cut before its own children are placed.
    """
    parents, depths, ends = [], [], end.tolist()
    open_ends: list[int] = []
    open_events: list[int] = []
    current_thread = NONE
    for event, (where, begin, finish) in enumerate(zip(thread.tolist(), start.tolist(), ends.copy(), strict=True)):
        if where != current_thread:
            current_thread = where
            open_ends.clear()
            open_events.clear()
        while open_ends and open_ends[-1] <= begin and open_ends[-1] < finish:
            open_ends.pop()
            open_events.pop()
        depths.append(len(open_events))
        if open_events:
            parents.append(open_events[-1])
            if finish > open_ends[-1]:
                ends[event] = finish = open_ends[-1]
        else:
            parents.append(NONE)
        open_ends.append(finish)
        open_events.append(event)
    return np.array(parents, np.int64), np.array(depths, np.int16), np.array(ends, np.int64)
