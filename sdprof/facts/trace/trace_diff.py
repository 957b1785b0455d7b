"""What changed between two traces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sdprof.facts.trace.trace_report import TraceReport
from sdprof.model import Change, TraceDiff


class _Cost(NamedTuple):
    name: str
    calls: int
    us: float


def trace_diff(before: TraceReport, after: TraceReport) -> TraceDiff:
    """Matches operators and kernels by name and modules by path."""
    on_device = before.device.gpu_events > 0 and after.device.gpu_events > 0
    steps = len(before.steps.steps), len(after.steps.steps)
    per_step = before.steps.found_by == after.steps.found_by and 0 not in steps and steps[0] != steps[1]
    scale = (1 / steps[0], 1 / steps[1]) if per_step else (1.0, 1.0)

    def changes(costs_before: Iterable[_Cost], costs_after: Iterable[_Cost]) -> tuple[Change, ...]:
        return _changes(costs_before, costs_after, scale)

    notes = [f"{report.name}: {gap}" for report in (before, after) for gap in report.gaps_in_file]
    if not on_device and before.device.gpu_events + after.device.gpu_events:
        notes.append("Only one of the traces has GPU events: operators and modules are compared by host time.")
    if per_step:
        notes.append(f"The traces hold {steps[0]} and {steps[1]} steps: all figures are per step.")
    elif steps[0] != steps[1]:
        notes.append(
            f"The traces hold {steps[0]} and {steps[1]} steps, told in different ways: figures are of whole traces."
        )
    return TraceDiff(
        before=before.name,
        after=after.name,
        per_step=per_step,
        measure="device time" if on_device else "host time",
        totals=changes(_totals(before, on_device), _totals(after, on_device)),
        operators=changes(_operators(before, on_device), _operators(after, on_device)),
        kernels=changes(_kernels(before), _kernels(after)),
        modules=changes(_modules(before, on_device), _modules(after, on_device)),
        copies=changes(_copies(before), _copies(after)),
        syncs=changes(_syncs(before), _syncs(after)),
        notes=tuple(notes),
    )


def _changes(before: Iterable[_Cost], after: Iterable[_Cost], scale: tuple[float, float]) -> tuple[Change, ...]:
    costs_before = {cost.name: cost for cost in before}
    costs_after = {cost.name: cost for cost in after}
    found = []
    for name in costs_before | costs_after:
        old, new = costs_before.get(name), costs_after.get(name)
        us_before = old.us * scale[0] if old else 0.0
        us_after = new.us * scale[1] if new else 0.0
        found.append(
            Change(
                name=name,
                status="added" if old is None else "gone" if new is None else "changed",
                count_before=old.calls * scale[0] if old else 0,
                count_after=new.calls * scale[1] if new else 0,
                us_before=us_before,
                us_after=us_after,
                change_us=us_after - us_before,
                ratio=us_after / us_before if us_before else None,
            )
        )
    return tuple(sorted(found, key=lambda change: abs(change.change_us), reverse=True))


def _totals(report: TraceReport, on_device: bool) -> list[_Cost]:
    if on_device:
        device = report.device
        return [
            _Cost("span", 1, device.span_us),
            _Cost("busy", device.gpu_events, device.busy_us),
            _Cost("idle", report.idle.gaps, device.idle_us),
            _Cost("kernels", device.kernels, device.kernel_us),
        ]
    return [_Cost("operators", report.operator_calls, sum(operator.self_host_us for operator in report.operators))]


def _operators(report: TraceReport, on_device: bool) -> list[_Cost]:
    return [
        _Cost(operator.name, operator.count, operator.device_us if on_device else operator.self_host_us)
        for operator in report.operators
    ]


def _kernels(report: TraceReport) -> list[_Cost]:
    return [_Cost(kernel.name, kernel.count, kernel.device_us) for kernel in report.kernels]


def _modules(report: TraceReport, on_device: bool) -> list[_Cost]:
    return [
        _Cost(module.path, module.calls, module.device_us if on_device else module.host_us) for module in report.modules
    ]


def _copies(report: TraceReport) -> list[_Cost]:
    return [
        _Cost(f"{group.direction} ({group.source} → {group.destination})", group.count, group.device_us)
        for group in report.copies
    ]


def _syncs(report: TraceReport) -> list[_Cost]:
    return [_Cost(group.name, group.count, group.host_us) for group in report.syncs]
