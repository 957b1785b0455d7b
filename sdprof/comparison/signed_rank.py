"""The exact null distribution of Wilcoxon's signed-rank statistic."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def tail_probabilities(n: int) -> NDArray[np.float64]:
    """P(T ≤ t) for t = 0 … n(n+1)/2, where T sums the ranks of the positive ones among ``n`` differences.

    Under the null each of the ranks 1 … n is in the sum with probability ½, on its own. So the distribution is the
    n-fold convolution of the two-point distributions {0, rank} (F. Wilcoxon, Biometrics Bulletin 1, 1945). Adding
    rank after rank costs O(n³) floating-point operations and needs no normal approximation at any number of rounds
    that anybody will wait for.
    """
    if n < 0:
        raise ValueError(f"the number of differences cannot be negative, got {n}")
    probability = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(probability.size + rank)
        longer[:-rank] += probability / 2
        longer[rank:] += probability / 2
        probability = longer
    tail = np.cumsum(probability)
    tail.flags.writeable = False
    return tail


def walsh_rank(n: int, confidence: float) -> int:
    """Which Walsh average, counted from 1 at either end, bounds the interval of ``n`` differences.

    The interval from the k-th smallest to the k-th largest Walsh average misses the centre with probability
    2·P(T ≤ k-1). This is the largest k for which that is at most 1 - ``confidence``, or 0 where even the whole range
    misses it more often than that (below 6 differences at 95%).
    """
    return int(np.searchsorted(tail_probabilities(n), (1 - confidence) / 2, side="right"))
