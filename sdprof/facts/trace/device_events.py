"""GPU events of all kinds in the order of time, each linked to the host call that launched it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from sdprof.facts.trace.belonging import belonging
from sdprof.facts.trace.host_tree import OPERATOR, RUNTIME, HostTree
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.trace import Trace

KERNEL, COPY, MEMSET = range(3)


@dataclass(frozen=True)
class DeviceEvents:
    """Kernels, copies and memsets; all arrays have one entry an event, in the order of start."""

    table: pl.DataFrame
    """name, kind, row (in the trace's table of that kind), start_ns, duration_ns, device, stream, bytes."""
    kind: npt.NDArray[np.int8]
    start: Indices
    duration: Indices
    launch: Indices
    """Index in the host tree of the runtime call, or NONE."""
    operator: Indices
    """Index in the host tree of the innermost operator around the launch, or NONE."""
    python: Indices
    """The innermost Python function around the launch."""
    module: Indices
    """The innermost nn.Module call around the launch."""

    def __len__(self) -> int:
        return len(self.start)

    def busy(self, *kinds: int) -> Intervals:
        """When at least one event of these kinds (default: of any) ran."""
        known = self._busy.get(kinds)
        if known is None:
            chosen = np.isin(self.kind, kinds) if kinds else slice(None)
            known = self._busy[kinds] = Intervals.union(self.start[chosen], self.duration[chosen])
        return known

    @cached_property
    def _busy(self) -> dict[tuple[int, ...], Intervals]:
        return {}


def device_events(trace: Trace, tree: HostTree) -> DeviceEvents:
    """Links GPU events to launches by correlation id; to operators by external id where no launch was recorded.

    A correlation id that two calls carry links nothing: which of them launched cannot be told. Several GPU events with
    one id are sound: a graph launch starts many.
    """
    tables = (trace.kernels, trace.copies, trace.memsets)
    table = pl.concat(
        [
            events.select(
                "name",
                pl.lit(kind, pl.Int8).alias("kind"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
                "start_ns",
                "duration_ns",
                "device",
                "stream",
                "correlation",
                "external_id",
                ("bytes" if "bytes" in events.columns else pl.lit(None, pl.Int64).alias("bytes")),
            )
            for kind, events in enumerate(tables)
        ]
    ).sort("start_ns", maintain_order=True)
    launch = belonging(
        table["correlation"], trace.runtime_calls["correlation"], tree.of_rows(RUNTIME, trace.runtime_calls.height)
    )
    operator = _around(tree.operator, launch)
    # Old traces repeat the correlation id as external id: that says nothing about operators.
    if (table["external_id"] != table["correlation"]).any():
        named = belonging(
            table["external_id"], trace.operators["external_id"], tree.of_rows(OPERATOR, trace.operators.height)
        )
        operator = np.where(operator == NONE, named, operator)
    return DeviceEvents(
        table=table,
        kind=table["kind"].to_numpy(),
        start=table["start_ns"].to_numpy(),
        duration=table["duration_ns"].to_numpy(),
        launch=launch,
        operator=operator,
        python=_around(tree.python, launch, operator),
        module=_around(tree.module, launch, operator),
    )


def _around(nearest: Indices, *events: Indices) -> Indices:
    """What is nearest to the first of the host events that is known, for each GPU event."""
    found = np.full(len(events[0]), NONE, np.int64)
    if len(nearest):
        for event in events:
            found = np.where((found == NONE) & (event != NONE), nearest[event], found)
    return found
