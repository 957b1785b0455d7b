import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.comparison.verdict import judge
from sdprof.model import Interval


def interval(median, low, high):
    return Interval(median=median, low=low, high=high, rounds=10)


CALM = interval(1.0, 0.98, 1.02)


@pytest.mark.parametrize(
    ("speedup", "control", "verdict"),
    [
        (interval(1.10, 1.05, 1.15), CALM, "faster"),
        (interval(0.90, 0.85, 0.95), CALM, "slower"),
        (interval(1.10, 0.99, 1.20), CALM, "not-shown"),
        (interval(0.97, 0.94, 1.00), CALM, "not-shown"),
        # Its interval leaves out 1, but the baseline shows as much against itself.
        (interval(1.03, 1.01, 1.05), interval(1.02, 0.99, 1.05), "not-shown"),
        (interval(0.97, 0.95, 0.99), interval(0.98, 0.95, 1.01), "not-shown"),
        # The second baseline was slower by 5%: what lies between the two is no difference ...
        (interval(0.98, 0.97, 0.99), interval(0.95, 0.93, 0.96), "not-shown"),
        # ... what is faster than both is.
        (interval(1.06, 1.04, 1.08), interval(0.95, 0.93, 0.96), "faster"),
        (interval(1.10, 1.05, 1.15), None, "faster"),
        (None, CALM, "not-shown"),
    ],
)
def test_verdicts(speedup, control, verdict):
    assert judge(speedup, control).verdict == verdict


def test_the_sentence_says_what_it_rests_on():
    assert judge(interval(1.1, 1.05, 1.15), CALM).explanation == (
        "Faster: 1.10 [1.05, 1.15] times the baseline's speed; A/A control 1.00 [0.98, 1.02]."
    )
    assert "without an A/A control" in judge(interval(1.1, 1.05, 1.15), None).explanation
    assert judge(None, None, rounds=3).explanation == "Not shown: too few rounds for an interval (3 of 4)."


logs = st.floats(-0.5, 0.5)


@st.composite
def intervals(draw):
    low, median, high = sorted(draw(st.tuples(logs, logs, logs)))
    return interval(2**median, 2**low, 2**high)


@given(intervals(), intervals())
def test_swapping_sides_swaps_the_verdict(speedup, control):
    def inverse(it):
        return interval(1 / it.median, 1 / it.high, 1 / it.low)

    opposite = {"faster": "slower", "slower": "faster", "not-shown": "not-shown"}
    assert judge(inverse(speedup), inverse(control)).verdict == opposite[judge(speedup, control).verdict]


@given(intervals(), intervals())
def test_a_control_can_only_take_a_claim_back(speedup, control):
    alone, beside = judge(speedup, None).verdict, judge(speedup, control).verdict
    assert beside in (alone, "not-shown")


def verdicts(noisy_machine, gain, rounds, seeds=100):
    found = []
    for seed in range(seeds):
        truth = {"baseline": 1.0, "candidate": 1.0 / (1 + gain), "control": 1.0}
        times = noisy_machine.NoisyMachine(seed).measure(truth, rounds)
        speedup = times.pairs("baseline", "candidate").interval()
        found.append(judge(speedup, times.pairs("baseline", "control").interval()).verdict)
    return found


@pytest.mark.parametrize("rounds", [5, 8, 12, 20])
def test_no_gain_is_not_shown(noisy_machine, rounds):
    assert verdicts(noisy_machine, 0.0, rounds).count("not-shown") >= 95


@pytest.mark.parametrize(("rounds", "least"), [(12, 60), (20, 85), (30, 95)])
def test_a_gain_of_ten_percent_is_found(noisy_machine, rounds, least):
    found = verdicts(noisy_machine, 0.10, rounds)
    assert found.count("faster") >= least
    assert "slower" not in found
