"""All facts of one trace."""

from __future__ import annotations

import msgspec

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.between_operators import BetweenOperators, between_operators
from sdprof.facts.trace.bus_copies import BusCopies, bus_copies
from sdprof.facts.trace.compiled_regions import Compilation, compilation
from sdprof.facts.trace.copies import CopyGroup, copies
from sdprof.facts.trace.copy_overlap import CopyOverlap, copy_overlap
from sdprof.facts.trace.device_time import DeviceTime, device_time, device_times
from sdprof.facts.trace.gaps import Gap, gap_table, top_gaps
from sdprof.facts.trace.hot_modules import HotTraceModule, hot_modules
from sdprof.facts.trace.hot_operators import HotOperator, hot_operators
from sdprof.facts.trace.idle import IdleSplit, idle_split
from sdprof.facts.trace.kernels import KernelTotal, kernels_by_module, kernels_by_name, kernels_by_operator
from sdprof.facts.trace.launch_delay import LaunchDelay, launch_delay
from sdprof.facts.trace.loop_window import loop_window
from sdprof.facts.trace.steps import Steps, steps
from sdprof.facts.trace.syncs import SyncGroup, blocking_copies, syncs
from sdprof.facts.trace.trace import Trace, TraceMetadata
from sdprof.facts.trace.transfer_sites import transfer_profile
from sdprof.model import TransferProfile


class TraceReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a trace. docs/traces.md says what each fact means and how far it can be trusted."""

    name: str
    metadata: TraceMetadata
    device: DeviceTime
    devices: tuple[DeviceTime, ...]
    idle: IdleSplit
    loop_idle: IdleSplit
    """Between the first and the last GPU event that the steps launched; of the whole trace where there are no steps."""
    loop_span_us: float
    between_operators: BetweenOperators
    gaps: tuple[Gap, ...]
    """The longest ones."""
    launch_delay: LaunchDelay
    copies: tuple[CopyGroup, ...]
    copy_overlap: CopyOverlap
    bus_copies: BusCopies
    """Of the loop."""
    transfers: TransferProfile | None
    """Copies and waits in the words of a live run; None without GPU events."""
    syncs: tuple[SyncGroup, ...]
    blocking_copies: tuple[SyncGroup, ...]
    kernels: tuple[KernelTotal, ...]
    kernels_by_operator: tuple[KernelTotal, ...]
    kernels_by_module: tuple[KernelTotal, ...]
    operators: tuple[HotOperator, ...]
    modules: tuple[HotTraceModule, ...]
    compilation: Compilation
    steps: Steps
    operator_calls: int
    gaps_in_file: tuple[str, ...]
    """What of the file could not be read as it stands, and was left out or mended."""
    notes: tuple[str, ...]
    """What is missing from the trace, and which facts lack it: begins with ``gaps_in_file``."""


def trace_report(trace: Trace) -> TraceReport:
    """Computes all facts of a trace."""
    analysis = Analysis(trace)
    gaps, found_steps = gap_table(analysis), steps(analysis)
    window = loop_window(analysis, found_steps)
    delay = launch_delay(analysis)
    return TraceReport(
        name=trace.name,
        metadata=trace.metadata,
        device=device_time(analysis),
        devices=device_times(analysis),
        idle=idle_split(gaps),
        loop_idle=idle_split(gaps, window.on_device(gaps.start, gaps.end)),
        loop_span_us=window.device_span_us,
        between_operators=between_operators(analysis, window),
        gaps=top_gaps(analysis, gaps, window),
        launch_delay=delay,
        copies=copies(analysis),
        copy_overlap=copy_overlap(analysis),
        bus_copies=bus_copies(analysis, window),
        transfers=transfer_profile(analysis, window),
        syncs=syncs(analysis),
        blocking_copies=blocking_copies(analysis),
        kernels=kernels_by_name(analysis),
        kernels_by_operator=kernels_by_operator(analysis),
        kernels_by_module=kernels_by_module(analysis),
        operators=hot_operators(analysis),
        modules=hot_modules(analysis),
        compilation=compilation(analysis),
        steps=found_steps,
        operator_calls=trace.operators.height,
        gaps_in_file=tuple(trace.gaps),
        notes=(*trace.gaps, *_notes(analysis), *_clock_notes(delay)),
    )


def _notes(analysis: Analysis) -> list[str]:
    trace = analysis.trace
    notes = []
    if not len(analysis.device):
        notes.append("The trace has no GPU events: nothing is said about GPU time, copies and idle time.")
    elif not trace.runtime_calls.height:
        notes.append("The trace has no runtime calls: kernels are not linked to launches, and idle time has no causes.")
    else:
        unlinked = int((analysis.device.launch < 0).sum())
        if unlinked:
            notes.append(
                f"{unlinked} of {len(analysis.device)} GPU events have no recorded launch (most often: they were "
                "launched before recording began)."
            )
    if not trace.operators.height:
        notes.append("The trace has no operators: record CPU activity too.")
    if not trace.python_calls.height and not (trace.operators["call_stack"].unique().cast(str) != "").any():
        notes.append("The trace has no Python stacks: record with_stack=True to see lines.")
    if not analysis.tree.is_module.any():
        notes.append(
            "The trace has no modules: record with_stack=True and with_modules=True on eager code to see them."
        )
    return notes


def _clock_notes(delay: LaunchDelay) -> list[str]:
    if not delay.negative:
        return []
    return [
        f"{delay.negative} of {delay.kernels} kernels began before their launch: the clocks of host and GPU disagree, "
        "so that launch delays and the causes of idle time are off by as much."
    ]
