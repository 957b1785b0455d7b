"""The single rounds behind an interval: what each took, and the speed-up in each."""

from __future__ import annotations

from sdprof.model import AuditResult, Variant
from sdprof.renderers import step_time


def seconds_by_round(result: AuditResult, variant: Variant) -> dict[int, float]:
    """Number of the round (from 0, over all of ``comparison.order``) to the seconds of the variant's run in it.

    The baseline's timings are those of the latest rounds. A variant has a place among them where it ran in each; one
    that was timed in earlier rounds has none, and the answer is empty.
    """
    start = step_time.baseline(result)
    if result.comparison is None or start is None or start.timing is None or variant.timing is None:
        return {}
    order, runs = result.comparison.order, len(start.timing.seconds)
    latest = list(range(len(order)))[-runs:]
    if len(latest) != len(variant.timing.seconds) or not all(variant.id in order[number] for number in latest):
        return {}
    return dict(zip(latest, variant.timing.seconds, strict=True))


def round_ratios(result: AuditResult, variant: Variant) -> tuple[float, ...]:
    """Speed-up of the variant in each round; recomputed from the timings where the audit did not keep it."""
    if variant.round_speedups:
        return variant.round_speedups
    start = step_time.baseline(result)
    if start is None or start.id == variant.id:
        return ()
    before, after = seconds_by_round(result, start), seconds_by_round(result, variant)
    return tuple(before[number] / taken for number, taken in after.items() if number in before and taken > 0)


def control_variant(result: AuditResult) -> Variant | None:
    """The baseline's second entry, which makes the A/A control: no fixes, and not the baseline itself."""
    start = step_time.baseline(result)
    return next((v for v in result.variants if not v.fixes and start is not None and v.id != start.id), None)
