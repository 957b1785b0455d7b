"""The part of an audit that a budget is held against: the code as it is, or the chosen variant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sdprof.model import (
    AuditResult,
    Graphs,
    GraphSection,
    MemoryPair,
    MemoryProfile,
    Transfers,
    TransferSection,
    Variant,
)
from sdprof.renderers import step_time

Section = TypeVar("Section")


@dataclass(frozen=True)
class MeasuredSide:
    """One side of the comparison; None where there is nothing on it."""

    variant: Variant | None
    transfers: TransferSection | None
    graphs: GraphSection | None
    memory: MemoryProfile | None


def measured_side(result: AuditResult, *, after: bool) -> MeasuredSide:
    """Everything of one side."""
    transfers, graphs = result.transfers or Transfers(), result.graphs or Graphs()
    memory = result.memory or MemoryPair()
    if after:
        return MeasuredSide(step_time.candidate(result), transfers.candidate, graphs.candidate, memory.candidate)
    return MeasuredSide(step_time.baseline(result), transfers.baseline, graphs.baseline, memory.baseline)
