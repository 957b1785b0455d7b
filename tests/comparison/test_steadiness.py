import numpy as np
import pytest

from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.steadiness import far_from_median, trend, unsteadiness


def times_of(**series):
    times = RoundTimes()
    for entry, seconds in series.items():
        for round, value in enumerate(seconds):
            times = times.with_failure(round, entry, "died") if value is None else times.with_run(round, entry, value)
    return times


def calm(seed, n=12, centre=1.0):
    return list(centre * np.exp(np.random.default_rng(seed).normal(0, 0.01, n)))


def flags(**series):
    candidates = tuple(name for name in series if name not in ("baseline", "control"))
    control = "control" if "control" in series else None
    return unsteadiness(times_of(**series), baseline="baseline", control=control, candidates=candidates)


def test_a_steady_machine_has_no_flags():
    assert flags(baseline=calm(0), control=calm(1), fix=calm(2, centre=0.8)) == ()


def test_drift_of_the_machine_is_seen_in_all_and_not_in_the_ratio():
    slow_down = np.linspace(1.0, 1.2, 12)
    found = flags(baseline=list(calm(0) * slow_down), fix=list(calm(1) * slow_down))
    assert len(found) == 2
    assert "Runs of 'baseline' became" in found[0]
    assert found[0].endswith("slower from the first round to the last.")


def test_a_ratio_that_drifts_is_said():
    found = flags(baseline=calm(0), fix=list(np.array(calm(1)) * np.linspace(1.0, 0.8, 12)))
    assert any("speed-up of 'fix' changed by +2" in flag for flag in found)


def test_a_stalled_run_is_counted_not_dropped():
    series = calm(0)
    series[4] = 1.7
    found = flags(baseline=series, fix=calm(1))
    assert len(found) == 1
    assert "1 of 12 runs of 'baseline' lie far from its median" in found[0]
    assert "1.7" in found[0]


def test_failed_runs_are_said():
    assert flags(baseline=[1.0, None, 1.0, 1.0], fix=[1.0] * 4) == (
        "1 of 4 runs of 'baseline' failed (died); their rounds give no pair.",
    )


def test_a_baseline_that_differs_from_itself_is_said():
    found = flags(baseline=calm(0), control=calm(1, centre=1.2), fix=calm(2))
    assert len(found) == 1
    assert "The baseline differs from itself" in found[0]


def test_trends():
    assert trend(np.zeros(10)) is None
    assert trend(np.log(np.linspace(1, 1.02, 10))) is None  # shown, but too small to matter
    assert trend(np.log(np.linspace(1, 1.10, 10))) == pytest.approx(np.log(1.10), rel=0.01)
    assert trend(np.array([0.0, 0.1])) is None


def test_small_distances_are_no_outliers_however_calm_the_rest():
    assert far_from_median(np.log([1.0, 1.0, 1.0, 1.0, 1.05])).size == 0
    assert far_from_median(np.log([1.0, 1.0, 1.0, 1.0, 1.2])).size == 1
    assert far_from_median(np.log([1.0, 9.0])).size == 0
