"""The audit of a recorded trace: what a file tells, without running anything and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sdprof
from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.facts.trace.audit_sections import hot_modules, hot_ops, trace_facts
from sdprof.facts.trace.read_trace import read_trace
from sdprof.facts.trace.recompiled_frames import recompiled_frames
from sdprof.facts.trace.trace_report import TraceReport, trace_report
from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.model import (
    SCHEMA_VERSION,
    AuditedTarget,
    AuditResult,
    Environment,
    Missing,
    Transfers,
    TransferSection,
)

NOT_RUN = Missing(
    section="Comparison",
    reason="A trace was recorded elsewhere: nothing ran here, so nothing was timed and no fix was tried.",
    remedy="Audit the loop itself with sdprof audit --target.",
)
AUDITS_OF_A_LOOP = frozenset({"hot-lines", "graph-breaks", "empty-profile"})
"""They look at what a trace never holds: that it lacks them is no news."""


@dataclass(frozen=True)
class RecordedAudit:
    """A trace's audit, and all facts of it."""

    result: AuditResult
    report: TraceReport


def audit_recorded(file: Path, *, command: str = "", limits: ReadLimits | None = None) -> RecordedAudit:
    """Read a trace and run every audit that its facts allow.

    :raises TraceError: if the file is no readable trace.
    """
    report = trace_report(read_trace(file, limits))
    trace = trace_facts(report)
    facts = Facts(
        trace=trace,
        device_trace=trace if trace.gpu_events else None,
        hot_ops=hot_ops(report),
        hot_modules=hot_modules(report) or None,
        graphs=recompiled_frames(report.compilation.regions),
        device="cuda" if trace.gpu_events else "cpu",
    ).with_transfers(report.transfers)
    audits = tuple(audit for audit in all_audits() if audit.meta.id not in AUDITS_OF_A_LOOP)
    findings, missing = run_audits(facts, audits)
    transfers = report.transfers
    result = AuditResult(
        kind="trace",
        schema_version=SCHEMA_VERSION,
        sdprof_version=sdprof.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        target=AuditedTarget(
            name=file.name,
            summary="a recorded trace",
            size=None,
            steps=len(trace.steps) or None,
            batch_size=None,
            height=None,
            width=None,
            device=", ".join(trace.devices) or facts.device,
            dtype=None,
        ),
        environment=Environment(
            python="", torch="", platform="", cpu="", cores=0, gpu=", ".join(trace.devices) or None, threads=0
        ),
        variants=(),
        comparison=None,
        findings=findings,
        fixes=(),
        trace=trace,
        transfers=Transfers(
            baseline=TransferSection(
                device=transfers.device, steps=transfers.steps, sites=transfers.sites, notes=transfers.notes
            )
        )
        if transfers is not None
        else None,
        hot_ops=facts.hot_ops or (),
        hot_modules=facts.hot_modules or (),
        missing=(NOT_RUN, *_together(missing)),
        command=command,
    )
    return RecordedAudit(result, report)


def _together(missing: tuple[Missing, ...]) -> tuple[Missing, ...]:
    """Audits that lack the same, in one entry."""
    by_reason: dict[str, list[str]] = {}
    for gap in missing:
        by_reason.setdefault(gap.reason, []).append(gap.section.removeprefix("audit "))
    return tuple(Missing(section=f"audit {', '.join(ids)}", reason=reason) for reason, ids in by_reason.items())
