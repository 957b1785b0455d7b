"""Which fixes are tried, and why the others are not."""

from __future__ import annotations

import msgspec

from sdprof.comparison.parity import coarsest
from sdprof.fixes.registry import all_fixes
from sdprof.model import Finding, FixMeta, FixResult, FixRewrites
from sdprof.stages.request import AuditRequest
from sdprof.stages.rewrite import Rewritten

NOTHING_OF_ITS_KIND = "No expression of the kind that it rewrites was seen in the loop."
MOST_REASONS = 3


def fixes_to_try(
    request: AuditRequest, findings: tuple[Finding, ...], device: str
) -> tuple[tuple[FixMeta, ...], tuple[FixResult, ...]]:
    """Choose the fixes for what was found.

    A fix that removes nothing in particular (a runtime setting) is always tried, and so is one that rewrites source: it
    is shown every expression, and says for itself which it would change.

    :return: the fixes to try, and the others with the reason.
    """
    open_ids = {finding.id for finding in findings if finding.status == "open"}
    named = {fix for finding in findings if finding.status == "open" for fix in finding.fixes}
    tried: list[FixMeta] = []
    left_out: list[FixResult] = []
    for fix in all_fixes():
        reason = _left_out_because(fix, request, device)
        by_finding = fix.kind != "source" and bool(fix.removes)
        if not reason and by_finding and fix.id not in named and not open_ids & set(fix.removes):
            reason = f"Nothing that it removes was found ({', '.join(fix.removes)})."
        if reason:
            left_out.append(not_tried(fix, reason))
        else:
            tried.append(fix)
    return tuple(tried), tuple(left_out)


def with_edits(
    fixes: tuple[FixMeta, ...], rewritten: Rewritten, asked_for: tuple[str, ...] = ()
) -> tuple[tuple[FixMeta, ...], tuple[FixResult, ...]]:
    """The fixes without those that found no source to rewrite, or that a rewrite makes needless; and those, with why.

    A source fix does to the numbers what its edits here do: some of its kind may be exact, and others not.

    :param asked_for: ids of fixes that are tried whatever a rewrite does.
    """
    able: list[FixMeta] = []
    unable: list[FixResult] = []
    for fix in fixes:
        edits = rewritten.rewrites.of({fix.id})
        if fix.kind != "source":
            able.append(fix)
        elif edits:
            able.append(msgspec.structs.replace(fix, numerics=coarsest(edit.numerics for edit in edits)))
        else:
            unable.append(_without_edits(fix, rewritten.by_fix.get(fix.id)))
    for fix in [fix for fix in able if fix.id not in asked_for]:
        rewrite = next((other for other in able if _does_the_same_in_source(other, fix, rewritten)), None)
        if rewrite is not None:
            able.remove(fix)
            unable.append(not_tried(fix, f"{rewrite.id} does the same to the source, and both keep every bit."))
    return tuple(able), tuple(unable)


def _does_the_same_in_source(rewrite: FixMeta, fix: FixMeta, rewritten: Rewritten) -> bool:
    """Whether nothing is left to compare: the same findings gone from the same places, with the same bits."""
    told = rewritten.by_fix.get(rewrite.id)
    return (
        rewrite.kind == "source" != fix.kind
        and rewrite.group == fix.group is not None
        and rewrite.removes == fix.removes
        and rewrite.numerics == fix.numerics == "exact"
        and told is not None
        and not any(site.declined for site in told.sites)
    )


def _without_edits(fix: FixMeta, told: FixRewrites | None) -> FixResult:
    if told is None:
        return not_tried(fix, NOTHING_OF_ITS_KIND)
    reasons = list(dict.fromkeys(site.declined for site in told.sites))
    more = f" (and {len(reasons) - MOST_REASONS} other reasons)" if len(reasons) > MOST_REASONS else ""
    reason = "; ".join(reasons[:MOST_REASONS]).rstrip(".") + more + "."
    return not_tried(fix, f"Declined: {reason}", told)


def not_tried(fix: FixMeta, reason: str, rewrites: FixRewrites | None = None) -> FixResult:
    """A fix that was not measured, with the reason."""
    return FixResult(
        id=fix.id,
        title=fix.title,
        kind=fix.kind,
        numerics=fix.numerics,
        applied=False,
        reason=reason,
        removes=fix.removes,
        rewrites=rewrites,
    )


def _left_out_because(fix: FixMeta, request: AuditRequest, device: str) -> str:
    if device not in fix.devices:
        return f"It acts on {', '.join(fix.devices)}; this audit ran on {device}."
    if request.only_fixes and fix.id not in request.only_fixes:
        return "Left out by --fix."
    if fix.id in request.without_fixes:
        return "Left out by --without-fix."
    if request.quick and fix.compiles:
        return "Left out by --quick: it compiles."
    least_seconds = fix.least_budget_seconds_on_cpu if device == "cpu" else 0
    if request.budget_seconds < least_seconds and fix.id not in request.only_fixes:
        return (
            f"On a CPU it costs more time than it usually tells: --budget {least_seconds:g} or more tries it, and "
            f"so does --fix {fix.id}."
        )
    if fix.numerics == "lossy" and fix.id not in request.lossy_fixes:
        return "It changes the result; --allow-lossy tries it all the same."
    return ""
