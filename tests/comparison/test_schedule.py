import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.comparison.schedule import another_round, balanced_order


def cycle(count):
    return count if count % 2 == 0 else 2 * count


def orders(count):
    return [balanced_order(tuple("ABCDEFGHI"[:count]), index) for index in range(cycle(count))]


@given(st.integers(1, 12), st.integers(0, 1000))
def test_every_round_runs_every_entry_once(count, index):
    entries = tuple(f"v{i}" for i in range(count))
    assert sorted(balanced_order(entries, index)) == sorted(entries)


@pytest.mark.parametrize("count", range(2, 10))
def test_every_entry_runs_equally_often_at_every_position(count):
    seen = Counter((position, entry) for order in orders(count) for position, entry in enumerate(order))
    assert len(seen) == count * count
    assert set(seen.values()) == {cycle(count) // count}


@pytest.mark.parametrize("count", range(2, 10))
def test_every_entry_follows_every_other_equally_often(count):
    seen = Counter(pair for order in orders(count) for pair in itertools.pairwise(order))
    assert len(seen) == count * (count - 1)
    assert len(set(seen.values())) == 1


@given(st.integers(2, 12), st.integers(0, 100))
def test_two_rounds_cancel_a_linear_drift_between_any_two(count, double_round):
    entries = tuple(range(count))
    first, second = (balanced_order([str(e) for e in entries], 2 * double_round + half) for half in (0, 1))
    when = {e: first.index(str(e)) + count + second.index(str(e)) for e in entries}
    assert len(set(when.values())) == 1


def test_three_entries_by_hand():
    assert ["".join(order) for order in orders(3)] == ["ACB", "BCA", "BAC", "CAB", "CBA", "ABC"]


def test_nothing_to_run_is_an_empty_round():
    assert balanced_order((), 3) == ()


def test_the_control_needs_a_name_of_its_own():
    with pytest.raises(ValueError, match="different names"):
        balanced_order(("baseline", "baseline"), 0)


def ask(done, elapsed, budget=60.0, least=4, most=20):
    return another_round(
        rounds_done=done, elapsed_seconds=elapsed, budget_seconds=budget, min_rounds=least, max_rounds=most
    )


@pytest.mark.parametrize(
    ("done", "elapsed", "expected"),
    [
        (0, 0.0, True),
        (3, 1000.0, True),  # over the budget, but under min_rounds
        (4, 1000.0, False),
        (4, 48.0, True),  # 48 s in 4 rounds: the fifth would end at 60 s
        (4, 48.4, False),  # ... at 60.5 s
        (19, 19.0, True),
        (20, 20.0, False),  # max_rounds
    ],
)
def test_the_budget(done, elapsed, expected):
    assert ask(done, elapsed) is expected


@given(st.floats(0.01, 50), st.integers(1, 8), st.integers(8, 40), st.floats(0, 200))
def test_rounds_stay_within_their_limits(round_seconds, least, most, budget):
    done = 0
    while ask(done, done * round_seconds, budget, least, most):
        done += 1
    assert least <= done <= most
    assert done == least or done * round_seconds <= budget * (1 + 1e-9)


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="exceeds max_rounds"):
        ask(0, 0.0, least=5, most=4)
