import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.comparison.break_even import break_even_runs

seconds = st.floats(0.01, 1000)


def test_by_hand():
    assert break_even_runs(extra_seconds=114, baseline_seconds=3.0, candidate_seconds=2.0) == 114
    assert break_even_runs(extra_seconds=10, baseline_seconds=2.5, candidate_seconds=0.5) == 5


def test_never_where_nothing_is_saved():
    assert break_even_runs(extra_seconds=10, baseline_seconds=2.0, candidate_seconds=2.0) is None
    assert break_even_runs(extra_seconds=0, baseline_seconds=2.0, candidate_seconds=2.5) is None


def test_from_the_start_where_nothing_was_spent():
    assert break_even_runs(extra_seconds=-3, baseline_seconds=2.0, candidate_seconds=1.0) == 0


@given(st.floats(0, 1000), seconds, seconds)
def test_both_have_then_cost_the_same(extra, baseline, candidate):
    runs = break_even_runs(extra_seconds=extra, baseline_seconds=baseline, candidate_seconds=candidate)
    if runs is None:
        assert candidate >= baseline
    elif baseline - candidate > 1e-6:
        assert extra + runs * candidate == pytest.approx(runs * baseline, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(ValueError, match=r"more than 0|finite"):
        break_even_runs(extra_seconds=1, baseline_seconds=bad, candidate_seconds=1.0)
    with pytest.raises(ValueError, match=r"more than 0|finite"):
        break_even_runs(extra_seconds=1, baseline_seconds=1.0, candidate_seconds=bad)
