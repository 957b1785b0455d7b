"""Findings in reading order: what was gained, what is still to do, and the rest; the costliest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sdprof.model import Finding, FindingStatus, Severity
from sdprof.renderers.quantities import milliseconds

STATES: dict[FindingStatus, tuple[str, str]] = {
    "fixed": ("Fixed", "A fix of the chosen set removed it, and the time was gained."),
    "open": ("Open", "Still there."),
    "hidden": ("Fixed, no time gained", "A fix removes it, and measurement showed no gain on this machine."),
    "declined": ("Declined", "A fix exists and would not act; the reason is given."),
    "passed": ("Passed", "Looked for and not found."),
}
"""Every state: its heading, and what it means."""

_SEVERITY_RANK: dict[Severity, int] = {"high": 0, "medium": 1, "low": 2, "info": 3}


@dataclass(frozen=True)
class FindingGroup:
    """The findings of one state."""

    status: FindingStatus
    title: str
    meaning: str
    findings: tuple[Finding, ...]


def finding_groups(findings: Iterable[Finding]) -> tuple[FindingGroup, ...]:
    """All findings by state; states without any are left out."""
    ordered = sorted(findings, key=lambda finding: (-cost_ms_per_step(finding), _SEVERITY_RANK[finding.severity]))
    groups = (
        FindingGroup(status, title, meaning, tuple(finding for finding in ordered if finding.status == status))
        for status, (title, meaning) in STATES.items()
    )
    return tuple(group for group in groups if group.findings)


def cost_in_words(finding: Finding) -> str:
    """What it costs, or what its fix gained, in a few words; empty where nobody knows."""
    cost = finding.cost
    if cost is None:
        return ""
    if finding.status == "hidden":
        return "no gain shown"
    if cost.obtained_ms_per_step is not None:
        return f"{milliseconds(cost.obtained_ms_per_step)} per step gained"
    if cost.predicted_ms_per_step is not None:
        return f"{milliseconds(cost.predicted_ms_per_step)} per step predicted"
    return ""


def cost_ms_per_step(finding: Finding) -> float:
    """What the finding costs: measured where its fix was measured, else predicted, else 0."""
    if finding.cost is None:
        return 0.0
    measured = finding.cost.obtained_ms_per_step
    return (finding.cost.predicted_ms_per_step or 0.0) if measured is None else measured
