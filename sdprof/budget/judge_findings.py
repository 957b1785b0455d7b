"""Limits on findings, and on the output."""

from __future__ import annotations

from collections import Counter

from sdprof import quantities
from sdprof.budget.judged import Judged, at_most, unmeasured
from sdprof.model import AuditResult, Finding
from sdprof.renderers.fingerprint import fingerprint
from sdprof.renderers.headline import headline
from sdprof.renderers.short_path import place

MOST_NAMED = 5
NOTHING_AUDITED = "no audit found anything or passed: there was nothing to look at"


def judge_high_findings(result: AuditResult, allowed: float) -> Judged:
    """Findings of high severity by which time can still be gained."""
    if not result.findings:
        return unmeasured("high_findings", NOTHING_AUDITED)
    found = [f for f in result.findings if f.severity == "high" and f.status in ("open", "fixed")]
    blind = sorted(_could_not_run(result))
    unseen = f"; could not run: {', '.join(blind)}" if blind else ""
    return _count("high_findings", found, "high-severity finding", allowed, result, unseen)


def judge_new_findings(result: AuditResult, baseline: AuditResult | None, allowed: float) -> Judged:
    """Findings that an earlier run of the same target did not have."""
    limit = "new_findings"
    if baseline is None:
        return unmeasured(limit, "there is nothing to compare with: name an earlier run with --baseline")
    if baseline.target.name != result.target.name:
        return unmeasured(limit, f"the baseline run is of {baseline.target.name}, this one of {result.target.name}")
    if not result.findings:
        return unmeasured(limit, NOTHING_AUDITED)
    # Counted, for the same text may stand twice in a function.
    known = Counter(fingerprint(finding, baseline.target.source_roots) for finding in _standing(baseline))
    new = []
    for finding in _standing(result):
        mark = fingerprint(finding, result.target.source_roots)
        if known[mark]:
            known[mark] -= 1
        else:
            new.append(finding)
    blind = sorted({finding.id for finding in _standing(baseline)} & _could_not_run(result))
    if len(new) <= allowed and blind:
        return unmeasured(
            limit, f"{', '.join(blind)} found something in the baseline run and could not run in this one"
        )
    return _count(limit, new, "new finding", allowed, result)


def judge_same_output(result: AuditResult) -> Judged:
    """The chosen variant's output against the baseline's."""
    limit = "same_output"
    if result.comparison is None or result.comparison.parity is None:
        return unmeasured(limit, "no output was compared")
    same = headline(result).same
    passed = result.comparison.parity.passed and result.comparison.parity.judged
    return Judged(limit, "kept" if passed else "broken", f"{same.word.rstrip('.')}. {same.sentence}")


def _standing(result: AuditResult) -> list[Finding]:
    return [finding for finding in result.findings if finding.status != "passed"]


def _could_not_run(result: AuditResult) -> set[str]:
    gaps = (gap.section.removeprefix("audit ") for gap in result.missing if gap.section.startswith("audit "))
    return {audit for gap in gaps for audit in gap.split(", ")}


def _count(
    limit: str, findings: list[Finding], noun: str, allowed: float, result: AuditResult, unseen: str = ""
) -> Judged:
    named = "; ".join(_name(finding, result.target.source_roots) for finding in findings[:MOST_NAMED])
    more = f"; and {len(findings) - MOST_NAMED} more" if len(findings) > MOST_NAMED else ""
    detail = f": {named}{more}" if named else ""
    over = quantities.number(len(findings) - allowed)
    return at_most(limit, len(findings), allowed, quantities.counted(len(findings), noun), over, detail + unseen)


def _name(finding: Finding, roots: tuple[str, ...]) -> str:
    return f"{finding.id} at {place(finding.locations[0], roots)}" if finding.locations else finding.id
