"""Limits on time, judged by the interval: noise alone breaks no budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sdprof import quantities
from sdprof.budget.judged import Judged, unmeasured
from sdprof.comparison.interval import HODGES_LEHMANN_ROUNDS, MIN_ROUNDS, hodges_lehmann, student_t
from sdprof.model import AuditResult, Variant
from sdprof.renderers.step_time import step_times


def judge_ms_per_step(result: AuditResult, variant: Variant | None, allowed: float) -> Judged:
    """Broken where even the lower end of the 95% interval of the step time lies above the limit."""
    limit = "ms_per_step"
    if variant is None or variant.timing is None:
        return unmeasured(limit, "no run was timed")
    times = step_times(result)
    if times.steps is None:
        return unmeasured(limit, "nobody knows how many steps a run has")
    seconds = variant.timing.seconds
    if len(seconds) < MIN_ROUNDS:
        return unmeasured(limit, f"{quantities.counted(len(seconds), 'round')}: an interval takes {MIN_ROUNDS}")
    centre, low, high = (times.of_run(value) for value in seconds_interval(seconds))
    written = f"{quantities.number(centre)} ms [{quantities.number(low)}, {quantities.number(high)}]"
    if high <= allowed:
        return Judged(limit, "kept", written)
    if low <= allowed:
        return Judged(limit, "unsure", f"{written}: the interval holds the limit, which is no proof that it is broken")
    return Judged(limit, "broken", f"{written}, {quantities.milliseconds(low - allowed)} over the limit at least")


def seconds_interval(seconds: Sequence[float]) -> tuple[float, float, float]:
    """(centre, low, high) of the typical run, at 95%, on a logarithmic scale as ratios are.

    One variant's runs share the machine's drift, which pairing would take out and this cannot: the interval is that of
    this sitting.
    """
    logs = np.log(np.asarray(seconds, dtype=np.float64))
    centre, low, high = hodges_lehmann(logs) if logs.size >= HODGES_LEHMANN_ROUNDS else student_t(logs)
    return math.exp(centre), math.exp(low), math.exp(high)


def judge_speedup(result: AuditResult, allowed: float) -> Judged:
    """The lower end of the chosen variant's speed-up has to reach the limit."""
    limit = "speedup_at_least"
    comparison = result.comparison
    if comparison is None or comparison.speedup is None:
        return unmeasured(limit, "no speed-up was measured")
    if comparison.candidate is None:
        return Judged(limit, "broken", "no set of fixes was shown to win")
    speedup = comparison.speedup
    written = f"{quantities.times(speedup)} ({quantities.bounds(speedup)})"
    if speedup.low >= allowed:
        return Judged(limit, "kept", written)
    return Judged(limit, "broken", f"{written}: its lower end is {quantities.number(allowed - speedup.low)} short")
