"""Findings in reading order: what was gained, what is still to do, and the rest; the costliest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sdprof.model import Cost, Finding, FindingStatus, FixResult, Severity
from sdprof.quantities import milliseconds

STATES: dict[FindingStatus, tuple[str, str]] = {
    "fixed": ("Fixed", "A fix of the chosen set removed it, and that set gained time."),
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


def cost_in_words(finding: Finding, fixes: Iterable[FixResult]) -> str:
    """What it costs, or what its fix gained, in a few words; empty where nobody knows.

    :param fixes: of the whole audit: their intervals tell whether a gain is more than noise.
    """
    cost = finding.cost
    if cost is None:
        return ""
    if finding.status == "hidden":
        return "no gain shown"
    if cost.obtained_ms_per_step is not None:
        words = f"{milliseconds(cost.obtained_ms_per_step)} per step {obtained_how(cost)}"
        return words if gain_is_shown(finding, fixes) else f"{words}, within the noise"
    if cost.predicted_ms_per_step is not None:
        return f"{milliseconds(cost.predicted_ms_per_step)} per step predicted"
    return ""


def obtained_how(cost: Cost) -> str:
    """In what company its fix gained what it did."""
    return "by its fix in the plan" if cost.obtained_in_plan else "by its fix alone"


def gain_is_shown(finding: Finding, fixes: Iterable[FixResult]) -> bool:
    """Whether the gain that is told of its fix stays clear of none, over the whole interval."""
    in_plan = finding.cost is not None and finding.cost.obtained_in_plan
    told = [
        fix.gain_in_plan if in_plan else fix.gain
        for fix in fixes
        if fix.id in finding.fixes and not fix.timed_with and (fix.applied or not in_plan)
    ]
    gains = [gain for gain in told if gain is not None]
    return bool(gains) and max(gains, key=lambda gain: gain.median).low > 1


def cost_ms_per_step(finding: Finding) -> float:
    """What the finding costs: measured where its fix was measured, else predicted, else 0."""
    if finding.cost is None:
        return 0.0
    measured = finding.cost.obtained_ms_per_step
    return (finding.cost.predicted_ms_per_step or 0.0) if measured is None else measured
