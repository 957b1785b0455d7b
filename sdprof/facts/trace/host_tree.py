"""Which host event ran inside which: operators, annotations, Python functions and runtime calls of a thread nest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.nesting import NONE, Indices, nested
from sdprof.facts.trace.trace import Trace

OPERATOR, ANNOTATION, PYTHON, RUNTIME = range(4)
MODULE_PREFIX = "nn.Module: "


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
    thread: Indices
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
        thread=pl.struct(pl.col("pid").fill_null(0), pl.col("tid").fill_null(0)).rank("dense").cast(pl.Int64) - 1
    ).sort("thread", "start", "end", outside_first, descending=[False, False, True, False], maintain_order=True)
    thread = events["thread"].to_numpy()
    start, end = events["start"].to_numpy(), events["end"].to_numpy()
    parent, levels, end = nested(thread, start, end)
    kind, row = events["kind"].to_numpy(), events["row"].to_numpy()
    modules = trace.python_calls["name"].cast(pl.String).str.starts_with(MODULE_PREFIX).to_numpy()
    is_module = np.zeros(len(kind), np.bool_)
    python = np.flatnonzero(kind == PYTHON)
    is_module[python] = modules[row[python]]
    return HostTree(kind, row, thread, start, end, parent, levels, is_module)
