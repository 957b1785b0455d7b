"""Compare two traces, or the traces and findings of two runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdprof.facts.trace.read_trace import read_trace
from sdprof.facts.trace.trace_diff import trace_diff
from sdprof.facts.trace.trace_report import TraceReport, trace_report
from sdprof.model import AuditResult, Finding, FindingChange, RunDiff
from sdprof.renderers import step_time
from sdprof.renderers.read_audit import AUDIT_FILE, read_audit
from sdprof.stages.observe import TRACE_SUFFIX
from sdprof.stages.recorded import audit_recorded

DIFFERENT_SETTINGS = ("size", "steps", "batch_size", "height", "width", "device", "dtype")


class IncomparableError(Exception):
    """The two cannot be compared: one sentence that says why and what to do."""


@dataclass(frozen=True)
class _Side:
    result: AuditResult
    report: TraceReport | None
    is_run: bool


def compare_recorded(before: Path, after: Path) -> RunDiff:
    """What changed from one trace to another, or from one run to another.

    A run is an audit's folder, or the audit.json in it; of its traces that of the untouched loop counts. A folder that
    holds a single trace (a run's ``tensorboard/after``) stands for that trace.

    :raises TraceError: if a trace cannot be read.
    :raises UnreadableAuditError: if a folder holds no readable audit.
    :raises IncomparableError: for a trace and a run, or two runs without a trace and without a timing.
    """
    sides = _side(before), _side(after)
    if sides[0].is_run != sides[1].is_run:
        run, trace = (before, after) if sides[0].is_run else (after, before)
        raise IncomparableError(
            f"{run} is an audit's folder and {trace} a trace: give two of a sort (the folder's own traces are in "
            f"{run / 'tensorboard'})."
        )
    times = [step_time.before_and_after(side.result)[0] for side in sides]
    reports = [side.report for side in sides]
    if reports[0] is None or reports[1] is None:
        if None in times:
            raise IncomparableError(
                f"{before} and {after} have neither traces nor timings in common; audit again, or compare the traces "
                "themselves."
            )
        compared = None
    else:
        compared = trace_diff(reports[0], reports[1])
    return RunDiff(
        before=str(before),
        after=str(after),
        trace=compared,
        findings=_finding_changes(sides[0].result, sides[1].result),
        ms_per_step_before=times[0],
        ms_per_step_after=times[1],
        notes=tuple(_notes(sides[0], sides[1])),
    )


def _side(path: Path) -> _Side:
    if path.name == AUDIT_FILE:
        path = path.parent
    if path.is_dir() and not (path / AUDIT_FILE).exists():
        traces = sorted(file for file in path.iterdir() if file.name.endswith((".json", ".json.gz")))
        if len(traces) == 1:
            path = traces[0]
    if not path.is_dir():
        recorded = audit_recorded(path)
        return _Side(recorded.result, recorded.report, is_run=False)
    result = read_audit(path)
    traces = sorted((path / "tensorboard" / "before").glob(f"*{TRACE_SUFFIX}"))
    return _Side(result, trace_report(read_trace(traces[0])) if traces else None, is_run=True)


def _finding_changes(before: AuditResult, after: AuditResult) -> tuple[FindingChange, ...]:
    """Findings that came, went, or are there in another number; lines move between runs, so functions are matched."""
    old, new = _by_place(before.findings), _by_place(after.findings)
    changes = []
    for place in old.keys() | new.keys():
        was, now = old.get(place, []), new.get(place, [])
        count_before, count_after = _count(was), _count(now)
        if was and now and count_before == count_after:
            continue
        either = (now or was)[0]
        changes.append(
            FindingChange(
                id=either.id,
                title=either.title,
                status="added" if not was else "gone" if not now else "changed",
                count_per_step_before=count_before,
                count_per_step_after=count_after,
                where=either.locations[0] if either.locations else None,
            )
        )
    order = {"added": 0, "gone": 1, "changed": 2}
    return tuple(sorted(changes, key=lambda change: (order[change.status], change.id, str(change.where))))


def _by_place(findings: tuple[Finding, ...]) -> dict[tuple[str, str, str], list[Finding]]:
    places: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        if finding.status != "passed" and finding.severity != "info":
            where = finding.locations[0] if finding.locations else None
            file, function = ("", "") if where is None else (where.file, where.function)
            places.setdefault((finding.id, file, function), []).append(finding)
    return places


def _count(findings: list[Finding]) -> float | None:
    counts = [finding.count_per_step for finding in findings if finding.count_per_step is not None]
    return round(sum(counts), 2) if counts else None


def _notes(before: _Side, after: _Side) -> list[str]:
    notes = []
    if before.is_run:
        notes.append("The two runs were not timed in turn: read their times with care, and audit once more to be sure.")
        for name in DIFFERENT_SETTINGS:
            old, new = getattr(before.result.target, name), getattr(after.result.target, name)
            if old != new:
                notes.append(f"They differ in {name.replace('_', ' ')}: {old} and {new}.")
        if before.report is None or after.report is None:
            notes.append("One of the runs has no trace of the untouched loop: operators and kernels are not compared.")
    return notes
