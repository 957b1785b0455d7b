"""diff.json: what changed between two traces, or two runs."""

from __future__ import annotations

from typing import Literal

import msgspec

from sdprof.model.source import Location

DIFF_SCHEMA_VERSION = 1

ChangeStatus = Literal["changed", "added", "gone"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One operator, kernel, module, kind of copy or kind of wait in both traces."""

    name: str
    status: ChangeStatus
    count_before: float
    """Calls; per step where the diff is."""
    count_after: float
    us_before: float
    us_after: float
    change_us: float
    """Positive: the second trace takes longer."""
    ratio: float | None
    """after / before; None for what was added or took no time before."""


class TraceDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Two traces, matched by name; in each list the biggest change comes first."""

    before: str
    after: str
    per_step: bool
    """Figures are divided by each trace's steps: done where both have steps, of the same kind and unequal in number."""
    measure: Literal["device time", "host time"]
    """What operators and modules are compared by: device time if both traces have GPU events."""
    totals: tuple[Change, ...]
    """span, busy, idle and kernel time of the GPU, or the operators' host time."""
    operators: tuple[Change, ...]
    kernels: tuple[Change, ...]
    modules: tuple[Change, ...]
    notes: tuple[str, ...]
    copies: tuple[Change, ...] = ()
    """By direction and kinds of memory: time on the device."""
    syncs: tuple[Change, ...] = ()
    """By the waiting call's name: time of the host inside it."""


class FindingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that only one of two has, or that both have in another number."""

    id: str
    title: str
    status: ChangeStatus
    count_per_step_before: float | None = None
    count_per_step_after: float | None = None
    where: Location | None = None


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Two traces or two runs. What an older or newer version cannot compare says so in ``notes``."""

    before: str
    """Path as it was given."""
    after: str
    trace: TraceDiff | None
    findings: tuple[FindingChange, ...] = ()
    ms_per_step_before: float | None = None
    """Of the untouched loop, unprofiled; None for traces. Two runs were not timed in turn: no interval stands behind
    the difference."""
    ms_per_step_after: float | None = None
    notes: tuple[str, ...] = ()
    schema_version: int = DIFF_SCHEMA_VERSION
