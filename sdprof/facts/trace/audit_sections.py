"""A trace's facts in the words of audit.json."""

from __future__ import annotations

from sdprof.facts.trace.trace_report import TraceReport
from sdprof.model import HotOp, TraceCopy, TraceFacts, TraceStep, TraceSync


def trace_facts(report: TraceReport) -> TraceFacts:
    """The ``trace`` section."""
    directions: dict[str, list[int | None]] = {}
    counts: dict[str, int] = {}
    for group in report.copies:
        directions.setdefault(group.direction, []).append(group.bytes)
        counts[group.direction] = counts.get(group.direction, 0) + group.count
    return TraceFacts(
        gpu_events=report.device.gpu_events,
        kernels=report.device.kernels,
        kernel_us=report.device.kernel_us,
        span_us=report.device.span_us,
        busy_us=report.device.busy_us,
        idle_share=report.device.idle_share,
        copies=tuple(
            TraceCopy(direction=direction, count=counts[direction], bytes=_sum(sizes))
            for direction, sizes in directions.items()
        ),
        syncs=tuple(TraceSync(name=group.name, count=group.count) for group in report.syncs),
        steps=tuple(
            TraceStep(name=step.name, start_us=step.start_us, seconds=step.seconds) for step in report.steps.steps
        ),
        cpu_operators=report.operator_calls,
        notes=report.notes,
    )


def hot_ops(report: TraceReport, most: int = 100) -> tuple[HotOp, ...]:
    """The ``hot_ops`` section: device time where a GPU ran, self time on the host where none did."""
    on_device = report.device.gpu_events > 0
    return tuple(
        HotOp(
            name=operator.name,
            calls=operator.count,
            seconds=(operator.device_us if on_device else operator.self_host_us) * 1e-6,
            share=operator.share,
            input_shapes=operator.shapes[0].shapes if operator.shapes else "",
        )
        for operator in report.operators[:most]
    )


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
