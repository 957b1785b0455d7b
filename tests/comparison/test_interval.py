import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sdprof.comparison.interval import (
    HODGES_LEHMANN,
    HODGES_LEHMANN_ROUNDS,
    MIN_ROUNDS,
    STUDENT_T,
    hodges_lehmann,
    ratio_interval,
    student_t,
)

seconds = st.floats(1e-3, 1e3)
pairs = st.lists(st.tuples(seconds, seconds), min_size=MIN_ROUNDS, max_size=25)


def interval(rounds):
    baseline, candidate = zip(*rounds, strict=True)
    found = ratio_interval(baseline, candidate)
    assert found is not None
    return found


def bounds(found):
    return (found.median, found.low, found.high)


@given(pairs)
def test_the_estimate_lies_in_its_interval_and_among_the_ratios(rounds):
    found = interval(rounds)
    ratios = [baseline / candidate for baseline, candidate in rounds]
    slack = 1 + 1e-9
    assert 0 < found.low <= found.median * slack <= found.high * slack**2
    assert min(ratios) / slack <= found.median <= max(ratios) * slack
    assert found.rounds == len(rounds)


@given(pairs)
def test_swapping_the_two_inverts_the_ratio(rounds):
    there, back = interval(rounds), interval([(candidate, baseline) for baseline, candidate in rounds])
    assert bounds(there) == pytest.approx((1 / back.median, 1 / back.high, 1 / back.low), rel=1e-9)


@given(pairs, st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(rounds, unit):
    scaled = interval([(baseline * unit, candidate * unit) for baseline, candidate in rounds])
    assert bounds(scaled) == pytest.approx(bounds(interval(rounds)), rel=1e-9)


@given(pairs, st.floats(0.01, 100))
def test_a_candidate_twice_as_fast_has_twice_the_ratio(rounds, factor):
    scaled = interval([(baseline, candidate / factor) for baseline, candidate in rounds])
    assert bounds(scaled) == pytest.approx([factor * value for value in bounds(interval(rounds))], rel=1e-9)


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_the_rounds_does_not_matter(rounds, random):
    shuffled = list(rounds)
    random.shuffle(shuffled)
    assert bounds(interval(shuffled)) == pytest.approx(bounds(interval(rounds)), rel=1e-9)


@given(pairs, st.lists(st.floats(0.1, 10), min_size=25, max_size=25))
def test_what_slows_a_whole_round_cancels(rounds, slow_downs):
    slowed = [(baseline * by, candidate * by) for (baseline, candidate), by in zip(rounds, slow_downs, strict=False)]
    assert bounds(interval(slowed)) == pytest.approx(bounds(interval(rounds)), rel=1e-9)


@given(st.lists(st.tuples(seconds, seconds), max_size=MIN_ROUNDS - 1))
def test_too_few_rounds_give_no_interval(rounds):
    assert ratio_interval([pair[0] for pair in rounds], [pair[1] for pair in rounds]) is None


@pytest.mark.parametrize("rounds", range(MIN_ROUNDS, HODGES_LEHMANN_ROUNDS + 5))
def test_the_method_changes_once_and_is_named(rounds):
    found = ratio_interval([1.0] * rounds, [1.1] * rounds)
    assert found is not None
    assert found.method == (STUDENT_T if rounds < HODGES_LEHMANN_ROUNDS else HODGES_LEHMANN)


def test_hodges_lehmann_by_hand():
    # Six values: 21 Walsh averages, of which k = 1 is cut, so the interval is the whole range.
    centre, low, high = hodges_lehmann(np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]))
    # Sorted: 1, 1.5, 2, 2.5, 3, 4, 4.5, 5, 6, 8, 8.5, 9, ...: the eleventh of 21 is 8.5.
    assert (centre, low, high) == (8.5, 1.0, 32.0)


def test_hodges_lehmann_of_eight_by_hand():
    # Values 0 ... 7: averages 0, .5, 1, 1, 1.5, 1.5, ...; k = 4 takes the fourth from either end.
    assert hodges_lehmann(np.arange(8.0)) == (3.5, 1.0, 6.0)


@pytest.mark.parametrize("n", [8, 9, 13])
def test_the_bounds_are_where_the_exact_test_turns(n):
    """The interval holds exactly those centres that Wilcoxon's test does not reject at 5%."""
    values = np.random.default_rng(n).normal(0, 1, n)
    _, low, high = hodges_lehmann(values)
    for shift, rejected in ((low - 1e-9, True), (low + 1e-9, False), (high - 1e-9, False), (high + 1e-9, True)):
        assert (stats.wilcoxon(values - shift, method="exact").pvalue <= 0.05) is np.bool_(rejected)


def test_student_t_by_hand():
    # Mean 2.5, standard deviation 1.29099 / 2 = 0.645497 standard error, t(0.975, 3) = 3.182446.
    assert student_t(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx((2.5, 2.5 - 2.054260, 2.5 + 2.054260), abs=1e-6)


def test_a_ratio_by_hand():
    found = ratio_interval([2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 4.0, 4.0])
    assert found is not None
    # Log ratios ln2, ln2, -ln2, -ln2: mean 0, standard deviation ln2 * sqrt(4/3).
    half_width = math.log(2) * math.sqrt(4 / 3) / 2 * 3.182446
    assert bounds(found) == pytest.approx((1.0, math.exp(-half_width), math.exp(half_width)), rel=1e-6)


@pytest.mark.parametrize("rounds", [8, 10, 15])
def test_the_exact_interval_holds_the_truth_as_often_as_it_says(rounds):
    rng = np.random.default_rng(rounds)
    held = 0
    experiments = 2000
    for _ in range(experiments):
        _, low, high = hodges_lehmann(rng.standard_t(3, rounds))
        held += low <= 0 <= high
    # Nominal coverage is at least 95%; three standard errors of 2000 experiments are 1.5%.
    assert 0.935 <= held / experiments <= 0.985


def test_one_stalled_run_hardly_moves_it():
    rng = np.random.default_rng(1)
    baseline, candidate = rng.normal(1.1, 0.02, 12), rng.normal(1.0, 0.02, 12)
    calm = ratio_interval(baseline, candidate)
    candidate[5] = 30.0
    stalled = ratio_interval(baseline, candidate)
    assert calm is not None
    assert stalled is not None
    assert stalled.median == pytest.approx(calm.median, rel=0.02)
    assert stalled.low > 1.0


@pytest.mark.parametrize(("rounds", "bears"), [(10, False), (11, False), (12, True), (20, True)])
def test_from_twelve_values_one_of_them_cannot_carry_a_bound_away(rounds, bears):
    values = np.linspace(-1, 1, rounds)
    values[0] = -1e6
    _, low, _ = hodges_lehmann(values)
    assert (low > -2) is bears


@pytest.mark.parametrize(
    ("baseline", "candidate", "sentence"),
    [
        ([1.0] * 5, [1.0] * 4, "5 of the baseline do not go with 4"),
        ([1.0] * 5, [1.0, 1.0, 0.0, 1.0, 1.0], "seconds of the candidate must be positive"),
        ([1.0, -1.0, 1.0, 1.0, 1.0], [1.0] * 5, "seconds of the baseline must be positive"),
        ([1.0, math.nan, 1.0, 1.0, 1.0], [1.0] * 5, "seconds of the baseline must be positive and finite"),
        ([1.0] * 5, [1.0, 1.0, math.inf, 1.0, 1.0], "finite"),
    ],
)
def test_what_is_no_time_is_refused(baseline, candidate, sentence):
    with pytest.raises(ValueError, match=sentence):
        ratio_interval(baseline, candidate)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_share(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        ratio_interval([1.0] * 5, [1.0] * 5, confidence=confidence)


def test_a_confidence_that_the_ranks_cannot_give_falls_back_to_student():
    found = ratio_interval([1.0] * 8, [1.1] * 8, confidence=0.999)
    assert found is not None
    assert found.method == STUDENT_T


def test_hodges_lehmann_refuses_too_few():
    with pytest.raises(ValueError, match="too few"):
        hodges_lehmann(np.arange(5.0))


def test_student_refuses_one():
    with pytest.raises(ValueError, match="two values"):
        student_t(np.array([1.0]))
