from itertools import product

import numpy as np
import pytest
from scipy import stats

from sdprof.comparison.signed_rank import tail_probabilities, walsh_rank


@pytest.mark.parametrize("n", range(1, 11))
def test_the_distribution_is_that_of_all_sign_patterns(n):
    sums = np.array([sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in product((0, 1), repeat=n)])
    enumerated = [np.mean(sums <= t) for t in range(n * (n + 1) // 2 + 1)]
    np.testing.assert_allclose(tail_probabilities(n), enumerated, rtol=1e-14)


@pytest.mark.parametrize("n", [5, 8, 12, 25, 40])
def test_it_is_the_distribution_that_scipy_tests_with(n):
    rng = np.random.default_rng(n)
    for _ in range(5):
        sample = rng.normal(0.3, 1, n)
        test = stats.wilcoxon(sample, alternative="less", method="exact")
        assert tail_probabilities(n)[int(test.statistic)] == pytest.approx(test.pvalue, rel=1e-10)


@pytest.mark.parametrize(
    ("n", "k"),
    # Published tables give the critical value k - 1 at 5%, two-sided: - - 0 2 3 5 8 10 13 17 21 25 ... 52.
    [
        (4, 0),
        (5, 0),
        (6, 1),
        (7, 3),
        (8, 4),
        (9, 6),
        (10, 9),
        (11, 11),
        (12, 14),
        (13, 18),
        (14, 22),
        (15, 26),
        (20, 53),
    ],
)
def test_ranks_are_those_of_the_published_tables(n, k):
    assert walsh_rank(n, 0.95) == k


@pytest.mark.parametrize("n", [6, 8, 15, 30, 100])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_it_is_the_narrowest_that_still_holds_its_promise(n, confidence):
    tail = tail_probabilities(n)
    k = walsh_rank(n, confidence)
    assert k == 0 or 2 * tail[k - 1] <= 1 - confidence
    assert 2 * tail[k] > 1 - confidence


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        tail_probabilities(-1)
