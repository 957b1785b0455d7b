"""What became of each finding once its fixes were tried."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from sdprof.model import OUTSIDE, Cost, Finding, FindingStatus, FixResult
from sdprof.stages.fixes_to_try import NOTHING_OF_ITS_KIND
from sdprof.stages.source_results import as_seen_from, status_of_rewritten
from sdprof.stages.source_results import cures as is_cure

NOTHING_GONE: Mapping[str, float] = MappingProxyType({})
AFTER_UNSEEN = "Not looked for again: the chosen variant is compiled, and no operator can be seen inside."


def settled_findings(
    findings: tuple[Finding, ...],
    fixes: tuple[FixResult, ...],
    baseline_ms_per_step: float,
    still_there: frozenset[str] | None,
    not_tried: frozenset[str] = frozenset(),
    in_patched: tuple[Finding, ...] | None = None,
    gone_ms_per_step: Mapping[str, float] = NOTHING_GONE,
) -> tuple[Finding, ...]:
    """Give every finding its status after the fixes were tried.

    fixed: a fix that removes it is part of the plan. hidden: a fix removes it, and no time was gained. declined: its
    fixes would not act or failed. open: nothing removes it, or it was seen again after the fix.

    :param still_there: ids of the audits that found something in the chosen variant again; None where the variant
        could not be observed.
    :param not_tried: ids of the fixes that were left out beforehand: they have declined nothing.
    :param in_patched: what the audits found with the source fixes of the patch, placed in the user's files; None where
        there is no patch.
    :param gone_ms_per_step: what a fix took away in its place in the waterfall, where it is a bar of its own.
    """
    timed_as_one = frozenset(id for fix in fixes if fix.timed_with for id in (fix.id, fix.timed_with))
    return tuple(
        _settled(
            finding, fixes, timed_as_one, baseline_ms_per_step, still_there, not_tried, in_patched, gone_ms_per_step
        )
        if finding.status == "open"
        else finding
        for finding in findings
    )


def _settled(
    finding: Finding,
    fixes: tuple[FixResult, ...],
    timed_as_one: frozenset[str],
    baseline_ms_per_step: float,
    still_there: frozenset[str] | None,
    not_tried: frozenset[str],
    in_patched: tuple[Finding, ...] | None,
    gone_ms_per_step: Mapping[str, float],
) -> Finding:
    cures = [fix for fix in fixes if is_cure(fix, finding)]
    in_source = status_of_rewritten(finding, fixes, in_patched)
    others = [fix for fix in cures if fix.kind != "source"]
    told = others if others else [as_seen_from(finding, fix) for fix in cures]
    status, reason = _status(finding, told, still_there, not_tried)
    if in_source is not None and (status != "fixed" or in_source[0] == "fixed"):
        status, reason = in_source
    return msgspec.structs.replace(
        finding,
        status=status,
        reason=reason,
        fixes=tuple(fix.id for fix in _that_looked(cures)) or finding.fixes,
        cost=finding.cost
        if finding.region in OUTSIDE.values()  # what a step gains is nothing of it
        else _with_gain(
            finding.cost,
            [fix for fix in cures if fix.id not in timed_as_one],
            baseline_ms_per_step,
            gone_ms_per_step,
        ),
    )


def _status(
    finding: Finding, cures: list[FixResult], still_there: frozenset[str] | None, not_tried: frozenset[str]
) -> tuple[FindingStatus, str]:
    applied = [fix for fix in cures if fix.applied]
    if applied:
        names = ", ".join(fix.id for fix in applied)
        if still_there is None:
            return "fixed", f"{names} is part of the plan. {AFTER_UNSEEN}"
        if finding.id in still_there:
            return "open", f"{names} is part of the plan, and the finding was seen again after it."
        return "fixed", f"{names} is part of the plan, and the finding was not seen again."
    removed = [fix for fix in cures if fix.gain is not None]
    if removed:
        return "hidden", _each(removed, " removes it")
    if cures and all(fix.id in not_tried for fix in cures):
        return "open", f"Not tried. {_each(cures)}"
    if cures:
        return "declined", _each(cures)
    if finding.severity == "info":
        return "open", "For information: it says where to look."
    return "open", "No fix for it is known here."


def _each(fixes: list[FixResult], what: str = "") -> str:
    """A sentence for each fix."""
    fixes = _that_looked(fixes)
    return " ".join(f"{fix.id}{what}: {fix.reason.rstrip('.')}." for fix in fixes)


def _that_looked(fixes: list[FixResult]) -> list[FixResult]:
    """Without those that rewrite other kinds of expressions; one of them, where there are no others."""
    return [fix for fix in fixes if fix.reason != NOTHING_OF_ITS_KIND] or fixes[:1]


def _with_gain(
    cost: Cost | None, cures: list[FixResult], baseline_ms_per_step: float, gone_ms_per_step: Mapping[str, float]
) -> Cost | None:
    """Put beside the prediction what a cure of the plan took away there, or else what the best one gained alone."""
    gone = [gone_ms_per_step[fix.id] for fix in cures if fix.applied and fix.id in gone_ms_per_step]
    if gone:
        return msgspec.structs.replace(cost or Cost(), obtained_ms_per_step=max(gone), obtained_in_plan=True)
    gains = [fix.gain.median for fix in cures if fix.gain is not None]
    if not gains:
        return cost
    obtained = baseline_ms_per_step * (1 - 1 / max(gains))
    return msgspec.structs.replace(cost or Cost(), obtained_ms_per_step=obtained)
