"""A trace's facts in the words of audit.json."""

from __future__ import annotations

from sdprof.facts.trace.hot_modules import HotTraceModule
from sdprof.facts.trace.idle import IdleSplit
from sdprof.facts.trace.kernels import KernelTotal
from sdprof.facts.trace.trace_report import TraceReport
from sdprof.model import (
    HotModule,
    HotOp,
    TraceBusCopies,
    TraceCopy,
    TraceFacts,
    TraceGap,
    TraceIdle,
    TraceLaunchDelay,
    TraceRegion,
    TraceStep,
    TraceSync,
    TraceTotal,
)
from sdprof.model.trace import MOST_TOTALS


def trace_facts(report: TraceReport) -> TraceFacts:
    """The ``trace`` section."""
    on_gpu = report.device.gpu_events > 0
    return TraceFacts(
        gpu_events=report.device.gpu_events,
        kernels=report.device.kernels,
        kernel_us=report.device.kernel_us,
        span_us=report.device.span_us,
        busy_us=report.device.busy_us,
        idle_share=report.device.idle_share,
        copies=tuple(
            TraceCopy(
                direction=group.direction,
                count=group.count,
                bytes=group.bytes,
                source=group.source,
                destination=group.destination,
                device_us=group.device_us,
            )
            for group in report.copies
        ),
        syncs=tuple(TraceSync(name=group.name, count=group.count, host_us=group.host_us) for group in report.syncs),
        steps=tuple(
            TraceStep(
                name=step.name,
                start_us=step.start_us,
                seconds=step.seconds,
                kernels=step.kernels,
                busy_us=step.device_busy_us,
            )
            for step in report.steps.steps
        ),
        cpu_operators=report.operator_calls,
        notes=report.notes,
        file=report.name,
        devices=_device_names(report),
        steps_found_by=report.steps.found_by,
        steps_name=report.steps.name,
        idle=_idle(report.idle, report.device.span_us) if on_gpu else None,
        loop_idle=_idle(report.loop_idle, report.loop_span_us) if on_gpu else None,
        loop_host_us=report.between_operators.loop_us,
        between_operators_us=report.between_operators.outside_us,
        gaps=_gaps(report),
        launch_delay=_launch_delay(report),
        bus_copies=_bus_copies(report) if on_gpu else None,
        kernels_by_name=_totals(report.kernels),
        kernels_by_operator=_totals(report.kernels_by_operator),
        kernels_by_module=_totals(report.kernels_by_module),
        regions=tuple(
            TraceRegion(name=region.name, calls=region.calls, host_us=region.host_us, recompiled=bool(region.version))
            for region in report.compilation.regions
        ),
        compilations=report.compilation.compilations,
        compiling_us=report.compilation.compiling_us,
    )


def hot_ops(report: TraceReport, most: int = MOST_TOTALS) -> tuple[HotOp, ...]:
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


def hot_modules(report: TraceReport) -> tuple[HotModule, ...]:
    """The ``hot_modules`` section, in the order of the module tree, the costliest of a module's children first."""
    on_device = report.device.gpu_events > 0
    children: dict[str, list[HotTraceModule]] = {}
    for module in report.modules:
        children.setdefault(module.path.rpartition("/")[0], []).append(module)
    ordered: list[HotTraceModule] = []
    waiting = list(reversed(children.get("", [])))
    while waiting:
        module = waiting.pop()
        ordered.append(module)
        waiting += reversed(children.get(module.path, []))
    return tuple(
        HotModule(
            name=module.path.replace("/", "."),
            class_name=module.class_name,
            calls=module.calls,
            seconds=(module.device_us if on_device else module.host_us) * 1e-6,
            share=module.share,
            flops=0,
            percent_of_peak=None,
            depth=module.depth,
        )
        for module in ordered
    )


def _device_names(report: TraceReport) -> tuple[str, ...]:
    """Names of the GPUs that ran something; ROCm numbers them unlike the header: one kind is enough to tell."""
    ran = dict.fromkeys(device.name for device in report.devices if device.name)
    known = dict.fromkeys(device.name for device in report.metadata.devices)
    return tuple(ran or (known if len(known) == 1 and report.device.gpu_events else ()))


def _idle(split: IdleSplit, span_us: float) -> TraceIdle:
    return TraceIdle(
        span_us=span_us,
        idle_us=split.idle_us,
        launch_bound_us=split.launch_bound_us,
        sync_us=split.sync_us,
        copy_us=split.copy_us,
        python_us=split.python_us,
        queued_us=split.queued_us,
        unknown_us=split.unknown_us,
        after_sync_us=split.after_sync_us,
    )


def _gaps(report: TraceReport) -> tuple[TraceGap, ...]:
    return tuple(
        TraceGap(
            start_us=gap.start_us,
            duration_us=gap.duration_us,
            cause=gap.cause,
            spent_us={str(cause): spent for cause, spent in gap.spent_us.items()},
            in_loop=gap.in_loop,
            next_event=gap.next_event,
            where=gap.launched_by.where,
            operator=gap.launched_by.operator,
            drained_by=gap.drained_by,
            host_event=gap.host_event,
            host_event_us=gap.host_event_us,
        )
        for gap in report.gaps
    )


def _launch_delay(report: TraceReport) -> TraceLaunchDelay | None:
    delay = report.launch_delay
    if delay.median_us is None or delay.p90_us is None or delay.longest_us is None:
        return None
    return TraceLaunchDelay(median_us=delay.median_us, p90_us=delay.p90_us, longest_us=delay.longest_us)


def _bus_copies(report: TraceReport) -> TraceBusCopies:
    copies = report.bus_copies
    return TraceBusCopies(
        count=copies.count,
        bytes=copies.bytes,
        copy_us=copies.copy_us,
        overlapped_us=copies.overlapped_us,
        span_us=report.loop_span_us,
        where=copies.site.where,
        operator=copies.site.operator,
    )


def _totals(totals: tuple[KernelTotal, ...]) -> tuple[TraceTotal, ...]:
    return tuple(
        TraceTotal(name=total.name, count=total.count, device_us=total.device_us, share=total.share)
        for total in totals[:MOST_TOTALS]
    )
