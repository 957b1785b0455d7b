"""A recorded trace as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from sdprof.facts.trace_file.event_kinds import COLUMNS_OF_KIND, TEXT_COLUMNS

NANOSECONDS_PER_MICROSECOND = 1000

Schema = dict[str, type[pl.DataType]]

SCHEMAS: dict[str, Schema] = {
    kind: {
        "name": pl.Categorical,
        "start_ns": pl.Int64,
        "duration_ns": pl.Int64,
        **{column: pl.Categorical if column in TEXT_COLUMNS else pl.Int64 for column in columns},
    }
    for kind, columns in COLUMNS_OF_KIND.items()
}


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU as the trace's header describes it."""

    index: int
    name: str
    memory_bytes: int | None = None
    multiprocessors: int | None = None


class TraceMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace says about its own recording; every part may be absent."""

    schema_version: int | None = None
    devices: tuple[Device, ...] = ()
    rank: int | None = None
    world_size: int | None = None
    backend: str | None = None
    with_stack: bool | None = None
    with_modules: bool | None = None
    record_shapes: bool | None = None
    profile_memory: bool | None = None
    runtime: str | None = None
    """cuda or rocm, as far as the header or the calls show it."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A recorded trace as tables, one for each kind of event.

    ``SCHEMAS`` lists the columns. Every table has ``name``, ``start_ns`` (since ``origin_us``) and ``duration_ns``.
    Times are whole nanoseconds: Kineto prints three decimals of a microsecond, and whole numbers nest without rounding.
    Ids are null where the trace has none. Rows keep the order of the file; begin and end pairs follow the complete
    events of their chunk.
    """

    name: str
    """The file's name."""
    origin_us: float
    """Time stamp, in the trace's own clock, of ``start_ns`` 0."""
    operators: pl.DataFrame
    """Operators on the host: ``cpu_op`` events."""
    annotations: pl.DataFrame
    """record_function ranges, ProfilerStep among them."""
    python_calls: pl.DataFrame
    """Python functions and ``nn.Module`` calls, linked by ``python_id`` and ``python_parent_id``."""
    runtime_calls: pl.DataFrame
    """CUDA or HIP runtime and driver calls."""
    kernels: pl.DataFrame
    copies: pl.DataFrame
    memsets: pl.DataFrame
    gpu_annotations: pl.DataFrame
    """The host's annotations as Kineto projects them onto a stream."""
    metadata: TraceMetadata = field(default_factory=TraceMetadata)
    header: dict[str, Any] = field(default_factory=dict)
    """Everything in the file outside its list of events."""
    gaps: tuple[str, ...] = ()
    """What the file should have said and did not, one sentence each: read them before trusting the numbers."""

    @property
    def event_count(self) -> int:
        """Rows of all tables together."""
        return sum(
            table.height
            for table in (
                self.operators,
                self.annotations,
                self.python_calls,
                self.runtime_calls,
                self.kernels,
                self.copies,
                self.memsets,
                self.gpu_annotations,
            )
        )
