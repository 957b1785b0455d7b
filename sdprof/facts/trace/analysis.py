"""A trace with what several facts share, worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from sdprof.facts.trace.container_ranges import CONTAINER_PATTERN
from sdprof.facts.trace.device_events import DeviceEvents, device_events
from sdprof.facts.trace.distinct_names import DistinctNames, Flags
from sdprof.facts.trace.host_tree import OPERATOR, PYTHON, RUNTIME, HostTree, host_tree
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.python_site import PythonStacks, Site
from sdprof.facts.trace.runtime_names import is_blocking_copy, is_copy, is_sync
from sdprof.facts.trace.trace import Trace


@dataclass(frozen=True)
class Analysis:
    """What every fact function takes. Parts are computed when first asked for, and kept."""

    trace: Trace

    @cached_property
    def tree(self) -> HostTree:
        """Nesting of the host's events."""
        return host_tree(self.trace)

    @cached_property
    def device(self) -> DeviceEvents:
        """GPU events with their launches."""
        return device_events(self.trace, self.tree)

    @cached_property
    def launched_at(self) -> Indices:
        """When the host launched each GPU event; the event's own start where that was not recorded."""
        launched = self.device.start.copy()
        known = self.device.launch != NONE
        launched[known] = self.tree.start[self.device.launch[known]]
        return launched

    @cached_property
    def host_names(self) -> pl.Series:
        """Name of each event of the host tree."""
        trace = self.trace
        tables = (trace.operators, trace.annotations, trace.python_calls, trace.runtime_calls)
        offsets = np.cumsum([0, *(table.height for table in tables)])
        names = pl.concat([table["name"] for table in tables])
        return names.gather(offsets[self.tree.kind] + self.tree.row)

    @cached_property
    def distinct_names(self) -> DistinctNames:
        """The same, to be searched."""
        return DistinctNames(self.host_names)

    @cached_property
    def waits(self) -> Flags:
        """Host events that are runtime calls which wait for the device and do nothing else."""
        return self._of_kind(RUNTIME, is_sync)

    @cached_property
    def copying_calls(self) -> Flags:
        """Host events that are runtime calls which copy."""
        return self._of_kind(RUNTIME, is_copy)

    @cached_property
    def blocking_copies(self) -> Flags:
        """Those of them that return when the copy is done."""
        return self._of_kind(RUNTIME, is_blocking_copy)

    @cached_property
    def containers(self) -> Flags:
        """Operators by category that are mere ranges around others and around Python."""
        return self._of_kind(OPERATOR, lambda names: names.str.contains(CONTAINER_PATTERN))

    def _of_kind(self, kind: int, named: Callable[[pl.Series], pl.Series]) -> Flags:
        flags: Flags = (self.tree.kind == kind) & self.distinct_names.where(named)
        return flags

    def names_of(self, events: Indices) -> pl.Series:
        """Names of host events; null for NONE."""
        rows = pl.Series(events)
        return self.host_names.gather(rows.set(rows == NONE, None))

    @cached_property
    def _stacks(self) -> PythonStacks:
        return PythonStacks(self.trace.python_calls)

    @cached_property
    def _stack_of_operator(self) -> Indices:
        """A number for the ``Call stack`` of each row of operators, equal for equal ones."""
        return self.trace.operators["call_stack"].to_physical().fill_null(NONE).cast(pl.Int64).to_numpy()

    @cached_property
    def _sites(self) -> dict[tuple[int, int, int], Site]:
        return {}

    def site(self, event: int) -> Site:
        """Where in the program a host event was asked for; an empty site for NONE."""
        if event == NONE:
            return Site(where=None)
        tree = self.tree
        operator, python = int(tree.operator[event]), int(tree.python[event])
        name = NONE if operator == NONE else int(self.distinct_names.codes[operator])
        stack = NONE if python != NONE or operator == NONE else int(self._stack_of_operator[tree.row[operator]])
        known = self._sites.get((python, name, stack))
        if known is None:
            known = self._sites[python, name, stack] = self._stacks.site(
                int(tree.row[python]) if python != NONE and tree.kind[python] == PYTHON else None,
                operator=None if operator == NONE else self.distinct_names[operator],
                call_stack=None if stack == NONE else self.trace.operators["call_stack"][int(tree.row[operator])],
            )
        return known
