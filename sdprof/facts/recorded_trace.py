"""The facts of the trace that a variant's run left beside its artifact."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sdprof.facts.operator_flops import with_percent_of_peak
from sdprof.facts.trace.audit_sections import hot_ops, trace_facts
from sdprof.facts.trace.read_trace import read_trace
from sdprof.facts.trace.trace_report import TraceReport, trace_report
from sdprof.facts.trace_file.trace_error import TraceError
from sdprof.model import HotOp, ModuleProfile, Peaks, TraceFacts, TraceFile


class RecordedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What the audits and the report want to know of a trace."""

    facts: TraceFacts
    operators: tuple[HotOp, ...]
    report: TraceReport


def recorded_trace(
    folder: Path, artifact: TraceFile, modules: ModuleProfile | None, peaks: Peaks | None
) -> RecordedTrace:
    """Read the trace that an artifact names.

    :raises TraceError: if it cannot be read.
    """
    file = folder / artifact.file
    if file.parent != folder:
        raise TraceError(f"the artifact names a trace outside of its folder: {artifact.file}")
    report = trace_report(read_trace(file))
    return RecordedTrace(
        facts=trace_facts(report),
        operators=with_percent_of_peak(hot_ops(report), report.operators, modules, peaks),
        report=report,
    )
