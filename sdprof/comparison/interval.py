"""The 95% interval of the ratio of two variants' seconds, paired by round.

Ratios are speed-ups everywhere in this package: seconds of the baseline / seconds of the candidate, so above 1 the
candidate is faster. Why these two intervals and no other: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sdprof.comparison.signed_rank import walsh_rank
from sdprof.model import Interval

CONFIDENCE = 0.95

MIN_ROUNDS = 4
"""Below this no interval is given: three pairs find a gain of 10% in fewer than one experiment out of three."""

HODGES_LEHMANN_ROUNDS = 7
"""From here on the signed-rank interval finds more than Student's on a machine that stalls now and then, and holds its
95% as well (docs/statistics.md has both). It exists from 6 rounds on, where it is the whole range and no better."""

STUDENT_T = "Student t on log ratios"
HODGES_LEHMANN = "Hodges-Lehmann on log ratios, exact signed-rank interval"


def ratio_interval(
    baseline_seconds: Sequence[float], candidate_seconds: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Speed-up of the candidate over the baseline with its interval, or None under ``MIN_ROUNDS`` rounds.

    :param baseline_seconds: seconds of the baseline, one per round.
    :param candidate_seconds: seconds of the candidate in the same rounds, in the same order.
    :param confidence: how often the interval is to hold the true ratio.
    :returns: ``median`` is the estimate that belongs to the interval: the Hodges-Lehmann estimate, or, below
        ``HODGES_LEHMANN_ROUNDS`` rounds, the geometric mean of the ratios.
    :raises ValueError: where the two differ in length, or a time is not a positive, finite number.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    log_ratios = _log_ratios(baseline_seconds, candidate_seconds)
    rounds = log_ratios.size
    if rounds < MIN_ROUNDS:
        return None
    if rounds >= HODGES_LEHMANN_ROUNDS and walsh_rank(rounds, confidence) > 0:
        centre, low, high = hodges_lehmann(log_ratios, confidence)
        method = HODGES_LEHMANN
    else:
        centre, low, high = student_t(log_ratios, confidence)
        method = STUDENT_T
    return Interval(median=math.exp(centre), low=math.exp(low), high=math.exp(high), method=method, rounds=rounds)


def hodges_lehmann(values: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(centre, low, high) of a symmetric distribution, by the exact inversion of Wilcoxon's signed-rank test.

    The centre is the median of the Walsh averages (xᵢ + xⱼ)/2, i ≤ j; the bounds are the k-th smallest and largest of
    them (J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 34, 1963). One stalled run moves few of the
    averages, so it does not widen the interval as it would widen Student's.

    :raises ValueError: where there are too few values for this confidence.
    """
    k = walsh_rank(values.size, confidence)
    if k == 0:
        raise ValueError(f"{values.size} values are too few for a signed-rank interval at {confidence:.0%}")
    first, second = np.triu_indices(values.size)
    walsh = np.sort((values[first] + values[second]) / 2)
    return float(np.median(walsh)), float(walsh[k - 1]), float(walsh[-k])


def student_t(values: NDArray[np.float64], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(mean, low, high) by Student's t. Needs two values at least."""
    if values.size < 2:
        raise ValueError("Student's interval needs two values at least")
    mean = float(values.mean())
    standard_error = float(values.std(ddof=1)) / math.sqrt(values.size)
    half_width = float(stats.t.ppf((1 + confidence) / 2, values.size - 1)) * standard_error
    return mean, mean - half_width, mean + half_width


def _log_ratios(baseline_seconds: Sequence[float], candidate_seconds: Sequence[float]) -> NDArray[np.float64]:
    baseline = np.asarray(baseline_seconds, dtype=np.float64)
    candidate = np.asarray(candidate_seconds, dtype=np.float64)
    if baseline.ndim != 1 or baseline.shape != candidate.shape:
        raise ValueError(
            f"seconds are paired by round: {baseline.size} of the baseline do not go with {candidate.size} of the "
            "candidate"
        )
    for name, seconds in (("baseline", baseline), ("candidate", candidate)):
        if not (np.isfinite(seconds) & (seconds > 0)).all():
            raise ValueError(f"seconds of the {name} must be positive and finite")
    ratios: NDArray[np.float64] = np.log(baseline) - np.log(candidate)
    return ratios
