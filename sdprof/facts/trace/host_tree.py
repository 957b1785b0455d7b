"""Which host event ran inside which: operators, annotations, Python functions and runtime calls of a thread nest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.distinct_names import DistinctNames
from sdprof.facts.trace.host_order import host_order, numbered_threads
from sdprof.facts.trace.nesting import NONE, Indices, nested
from sdprof.facts.trace.trace import Trace

OPERATOR, ANNOTATION, PYTHON, RUNTIME = range(4)
MODULE_PREFIX = "nn.Module: "
_OUTSIDE_FIRST = np.array([2, 1, 0, 3], np.int8)
"""By kind."""


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
        if not chosen.any():
            return np.full(len(chosen), NONE, np.int64)
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
        known = self._index_of_row.get(kind)
        if known is None:
            known = self._index_of_row[kind] = np.full(rows, NONE, np.int64)
            mine = np.flatnonzero(self.kind == kind)
            known[self.row[mine]] = mine
        return known

    @cached_property
    def _index_of_row(self) -> dict[int, Indices]:
        return {}


def host_tree(trace: Trace) -> HostTree:
    """Nests the host events of each thread by their times."""
    tables = (trace.operators, trace.annotations, trace.python_calls, trace.runtime_calls)
    kind = np.repeat(np.arange(len(tables), dtype=np.int8), [table.height for table in tables])
    row = np.concatenate([np.arange(table.height) for table in tables])
    start = _whole(tables, "start_ns")
    end = start + _whole(tables, "duration_ns")
    thread = numbered_threads(_whole(tables, "pid"), _whole(tables, "tid"))
    # At equal times the kind decides who is outside: a Python function calls the operator, never the other way round.
    order = host_order(thread, start, end, _OUTSIDE_FIRST[kind])
    kind, row, thread = kind[order], row[order], thread[order]
    start, end = start[order], end[order]
    parent, levels, end = nested(thread, start, end)
    modules = DistinctNames(trace.python_calls["name"]).where(lambda names: names.str.starts_with(MODULE_PREFIX))
    is_module = np.zeros(len(kind), np.bool_)
    if modules.any():
        python = np.flatnonzero(kind == PYTHON)
        is_module[python] = modules[row[python]]
    return HostTree(kind, row, thread, start, end, parent, levels, is_module)


def _whole(tables: tuple[pl.DataFrame, ...], column: str) -> Indices:
    """A column of all tables; 0 where a table has nothing."""
    return np.concatenate([table[column].fill_null(0).to_numpy() for table in tables])
