"""Speed-up of a variant in each single round, recomputed from the timings: the dots behind an interval."""

from __future__ import annotations

from sdprof.model import AuditResult, Variant
from sdprof.renderers import step_time


def seconds_by_round(result: AuditResult, variant: Variant) -> dict[int, float]:
    """Round number (from 0) to seconds of the run.

    A variant need not have run in every round: ``comparison.order`` says in which. Where the order does not fit the
    timings, they are taken as the first rounds.
    """
    if variant.timing is None:
        return {}
    order = result.comparison.order if result.comparison is not None else ()
    rounds = [number for number, entries in enumerate(order) if variant.id in entries]
    if len(rounds) != len(variant.timing.seconds):
        rounds = list(range(len(variant.timing.seconds)))
    return dict(zip(rounds, variant.timing.seconds, strict=True))


def round_ratios(result: AuditResult, variant: Variant) -> dict[int, float]:
    """Round number to baseline seconds over the variant's seconds, for the rounds that have both."""
    start = step_time.baseline(result)
    if start is None:
        return {}
    before, after = seconds_by_round(result, start), seconds_by_round(result, variant)
    return {number: before[number] / taken for number, taken in after.items() if number in before and taken > 0}


def control_variant(result: AuditResult) -> Variant | None:
    """The baseline's second entry, which makes the A/A control: no fixes, and not the baseline itself."""
    start = step_time.baseline(result)
    return next((v for v in result.variants if not v.fixes and start is not None and v.id != start.id), None)
