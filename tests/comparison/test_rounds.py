import math

import msgspec
import pytest

from sdprof.comparison.rounds import RoundTimes


def three_rounds():
    return (
        RoundTimes()
        .with_run(0, "a", 1.0)
        .with_run(0, "b", 2.0)
        .with_run(1, "b", 2.1)
        .with_failure(1, "a", "out of memory")
        .with_run(2, "a", 1.2)
        .with_run(2, "b", 2.2)
    )


def test_a_failed_run_leaves_its_pair_out_and_is_kept():
    times = three_rounds()
    assert times.seconds("a") == (1.0, 1.2)
    assert times.seconds("b") == (2.0, 2.1, 2.2)
    assert times.failures("a") == ("out of memory",)
    pairs = times.pairs("a", "b")
    assert pairs.rounds == (0, 2)
    assert pairs.baseline == (1.0, 1.2)
    assert pairs.candidate == (2.0, 2.2)
    assert pairs.interval() is None


def test_order_is_that_of_the_runs():
    assert three_rounds().order() == (("a", "b"), ("b", "a"), ("a", "b"))


def test_an_entry_that_never_ran_has_no_pairs():
    assert three_rounds().pairs("a", "c").rounds == ()
    assert three_rounds().seconds("c") == ()


def test_pairs_are_of_one_round_even_where_runs_came_out_of_order():
    times = RoundTimes().with_run(1, "a", 3.0).with_run(0, "b", 1.0).with_run(1, "b", 4.0).with_run(0, "a", 2.0)
    pairs = times.pairs("a", "b")
    assert (pairs.rounds, pairs.baseline, pairs.candidate) == ((0, 1), (2.0, 3.0), (1.0, 4.0))


def test_measurements_in_several_goes_share_the_baseline():
    times = RoundTimes()
    for round in range(8):
        times = times.with_run(round, "baseline", 2.0).with_run(round, "x" if round < 4 else "y", 1.0)
    assert times.pairs("baseline", "x").rounds == (0, 1, 2, 3)
    assert times.pairs("baseline", "y").rounds == (4, 5, 6, 7)
    assert times.pairs("x", "y").rounds == ()
    found = times.pairs("baseline", "y").interval()
    assert found is not None
    assert found.median == pytest.approx(2.0)


def test_later_rounds_are_numbered_after_the_earlier():
    both = three_rounds().followed_by(three_rounds())
    assert both.seconds("b") == (2.0, 2.1, 2.2) * 2
    assert both.pairs("a", "b").rounds == (0, 2, 3, 5)
    assert RoundTimes().followed_by(three_rounds()) == three_rounds()


def test_it_goes_through_json_and_back():
    times = three_rounds()
    assert msgspec.json.decode(msgspec.json.encode(times), type=RoundTimes) == times


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match="cannot have taken"):
        RoundTimes().with_run(0, "a", seconds)


def test_a_round_holds_an_entry_once():
    with pytest.raises(ValueError, match="already holds a run of 'a'"):
        RoundTimes().with_failure(0, "a", "died").with_run(0, "a", 1.0)
