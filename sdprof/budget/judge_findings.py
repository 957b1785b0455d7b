"""Limits on findings, and on the output."""

from __future__ import annotations

from sdprof.budget.judged import Judged, at_most, unmeasured
from sdprof.model import AuditResult, Finding
from sdprof.renderers import quantities
from sdprof.renderers.fingerprint import fingerprint
from sdprof.renderers.headline import headline
from sdprof.renderers.short_path import place

MOST_NAMED = 5


def judge_high_findings(result: AuditResult, allowed: float) -> Judged:
    """Findings of high severity by which time can still be gained."""
    found = [f for f in result.findings if f.severity == "high" and f.status in ("open", "fixed")]
    return _count("high_findings", found, "high-severity finding", allowed, result)


def judge_new_findings(result: AuditResult, baseline: AuditResult | None, allowed: float) -> Judged:
    """Findings that an earlier run of the same target did not have."""
    limit = "new_findings"
    if baseline is None:
        return unmeasured(limit, "there is nothing to compare with: name an earlier run with --baseline")
    if baseline.target.name != result.target.name:
        return unmeasured(limit, f"the baseline run is of {baseline.target.name}, this one of {result.target.name}")
    known = {
        fingerprint(finding, baseline.target.source_roots)
        for finding in baseline.findings
        if finding.status != "passed"
    }
    new = [
        finding
        for finding in result.findings
        if finding.status != "passed" and fingerprint(finding, result.target.source_roots) not in known
    ]
    return _count(limit, new, "new finding", allowed, result)


def judge_same_output(result: AuditResult) -> Judged:
    """The chosen variant's output against the baseline's."""
    limit = "same_output"
    if result.comparison is None or result.comparison.parity is None:
        return unmeasured(limit, "no output was compared")
    same = headline(result).same
    passed = result.comparison.parity.passed and result.comparison.parity.judged
    return Judged(limit, "kept" if passed else "broken", f"{same.word.rstrip('.')}. {same.sentence}")


def _count(limit: str, findings: list[Finding], noun: str, allowed: float, result: AuditResult) -> Judged:
    named = "; ".join(_name(finding, result.target.source_roots) for finding in findings[:MOST_NAMED])
    more = f"; and {len(findings) - MOST_NAMED} more" if len(findings) > MOST_NAMED else ""
    detail = f": {named}{more}" if named else ""
    over = quantities.number(len(findings) - allowed)
    return at_most(limit, len(findings), allowed, quantities.counted(len(findings), noun), over, detail)


def _name(finding: Finding, roots: tuple[str, ...]) -> str:
    return f"{finding.id} at {place(finding.locations[0], roots)}" if finding.locations else finding.id
