"""A trace with what several facts share, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from sdprof.facts.trace.device_events import DeviceEvents, device_events
from sdprof.facts.trace.host_tree import PYTHON, HostTree, host_tree
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.python_site import PythonStacks, Site
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

    def names_of(self, events: Indices) -> pl.Series:
        """Names of host events; null for NONE."""
        rows = pl.Series(events)
        return self.host_names.gather(rows.set(rows == NONE, None))

    @cached_property
    def _stacks(self) -> PythonStacks:
        return PythonStacks(self.trace.python_calls)

    def site(self, event: int) -> Site:
        """Where in the program a host event was asked for; an empty site for NONE."""
        if event == NONE:
            return Site(where=None)
        tree = self.tree
        operator, python = int(tree.operator[event]), int(tree.python[event])
        call_stack = None
        if python == NONE and operator != NONE:
            call_stack = self.trace.operators["call_stack"][int(tree.row[operator])]
        return self._stacks.site(
            int(tree.row[python]) if python != NONE and tree.kind[python] == PYTHON else None,
            operator=None if operator == NONE else self.host_names[operator],
            call_stack=call_stack,
        )
