"""Faster, slower or not shown: what an interval and the A/A control beside it allow to say."""

from __future__ import annotations

import msgspec

from sdprof.comparison.interval import MIN_ROUNDS
from sdprof.model import Interval, Verdict
from sdprof.quantities import ratio, ratio_decimals


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict and the sentence that explains it."""

    verdict: Verdict
    explanation: str


def judge(speedup: Interval | None, control: Interval | None, *, rounds: int | None = None) -> Judgement:
    """What may be said of a speed-up.

    A difference is claimed where the interval leaves out 1 *and* the estimate lies outside what the baseline shows
    against itself in the same rounds: the control's interval, stretched to hold 1. The control is the ratio
    baseline / second run of the baseline, so this asks that the candidate beats both of them.

    :param speedup: the candidate's, from :func:`ratio_interval`; None where there were too few rounds.
    :param control: the ratio of the baseline to its second run in the same rounds; None where there was none, and
        then the interval alone decides and the sentence says so.
    :param rounds: how many pairs there were, for the sentence about too few of them.
    """
    if speedup is None:
        seen = "" if rounds is None else f" ({rounds} of {MIN_ROUNDS})"
        return Judgement(verdict="not-shown", explanation=f"Not shown: too few rounds for an interval{seen}.")
    measured = f"{as_text(speedup)} times the baseline's speed"
    if speedup.low <= 1 <= speedup.high:
        return Judgement(verdict="not-shown", explanation=f"Not shown: {measured}, and the interval holds 1.")
    if control is not None and min(1.0, control.low) <= speedup.median <= max(1.0, control.high):
        return Judgement(
            verdict="not-shown",
            explanation=f"Not shown: {measured}, and the baseline differs as much from itself ({as_text(control)}).",
        )
    beside = "without an A/A control" if control is None else f"A/A control {as_text(control)}"
    if speedup.low > 1:
        return Judgement(verdict="faster", explanation=f"Faster: {measured}; {beside}.")
    return Judgement(verdict="slower", explanation=f"Slower: {measured}; {beside}.")


def as_text(interval: Interval) -> str:
    """``1.23 [1.20, 1.27]``, at the decimals at which the report writes it elsewhere."""
    decimals = ratio_decimals(interval)
    median, low, high = (ratio(value, decimals) for value in (interval.median, interval.low, interval.high))
    return f"{median} [{low}, {high}]"
