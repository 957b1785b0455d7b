"""The exact interval of a median, whatever the distribution."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from scipy import stats

CONFIDENCE = 0.95


def median_interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """(median, low, high) between two order statistics; None where there are too few values for 95%.

    The number of values below the true median is binomial with one half (David and Nagaraja, Order Statistics, 2003,
    section 7.1); from 6 values on, the smallest and the largest hold it in 97%.
    """
    count = len(values)
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5)) if count else 0
    if rank < 1:
        return None
    ordered = sorted(values)
    return median(ordered), ordered[rank - 1], ordered[count - rank]
