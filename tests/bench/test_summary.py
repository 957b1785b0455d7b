"""The bench's numbers against results whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from sdprof.comparison.bench_summary import summarise, unsteady_conditions
from sdprof.comparison.median_interval import median_interval
from sdprof.model.bench import CONTROL_ENTRY, RoundConditions
from tests.bench.made import noisy, series

SECONDS = {
    "A": [2.0, 8.0, 2.2, 2.4, 2.6, 2.8],
    "B": [1.0, 4.0, 1.1, 1.2, 1.3, 1.4],
    "C": [0.8, 3.2, 0.88, 0.96, 1.04, 1.12],
}


def test_known_medians_and_improvements_paired_by_round() -> None:
    summary = series(SECONDS).summary
    rows = {row.id: row for row in summary.rows}
    assert summary.reference == "B"
    assert (rows["A"].median_seconds, rows["B"].median_seconds) == (2.5, 1.25)
    assert (rows["B"].low_seconds, rows["B"].high_seconds) == (1.0, 4.0)
    assert rows["B"].speedup is None
    assert rows["B"].verdict is None
    assert (rows["A"].speedup.median, rows["A"].verdict) == (pytest.approx(0.5), "slower")
    # The second round is four times as slow for all of them: by pairs, C gains 25% in each, to the last digit.
    assert [rows["C"].speedup.median, rows["C"].speedup.low, rows["C"].speedup.high] == pytest.approx([1.25] * 3)
    assert rows["C"].verdict == "faster"
    assert rows["A"].outlier_rounds == rows["B"].outlier_rounds == (1,)


def test_without_xformers_the_original_is_the_reference_and_that_is_said() -> None:
    summary = series({"A": SECONDS["A"], "C": SECONDS["C"]}, missing=("B",)).summary
    assert summary.reference == "A"
    assert "B, configuration B, is not available here" in summary.reference_note
    assert [row.id for row in summary.rows] == ["A", "C"]


def test_a_failed_round_gives_no_pair_and_is_counted() -> None:
    summary = series({**SECONDS, "C": [0.8, None, 0.88, 0.96, 1.04, 1.12]}).summary
    row = next(row for row in summary.rows if row.id == "C")
    assert (row.rounds, row.failed) == (5, 1)
    assert row.speedup.median == pytest.approx(1.25)
    assert any("1 of 6 runs of 'C' failed" in flag for flag in summary.flags)


@pytest.mark.parametrize(("gain", "least", "most"), [(1.1, 95, 100), (1.0, 0, 5)])
def test_a_planted_gain_is_found_and_a_planted_zero_is_not(gain: float, least: int, most: int) -> None:
    claimed = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        seconds = {
            name: noisy(mean, 10, random) for name, mean in (("B", 1.0), ("E", 1.0 / gain), (CONTROL_ENTRY, 1.0))
        }
        row = series(seconds).summary.rows[-1]
        claimed += row.verdict != "not-shown"
    assert least <= claimed <= most


def test_no_configuration_no_comparison() -> None:
    made = series({CONTROL_ENTRY: [1.0]}, missing=("A", "B"))
    assert summarise(made).rows == ()
    assert summarise(made).reference is None


@pytest.mark.parametrize("count", [6, 10, 17, 40])
def test_the_interval_of_the_median_holds_95_percent_and_none_narrower_does(count: int) -> None:
    _, low, high = median_interval([float(value) for value in range(count)])

    def coverage(rank: int) -> float:
        """That the median lies between the values of this rank from both ends: a sum of binomials with one half."""
        return float(sum(stats.binom.pmf(below, count, 0.5) for below in range(rank, count - rank + 1)))

    rank = int(low) + 1
    assert high == count - rank
    assert coverage(rank) >= 0.95 > coverage(rank + 1)


def test_no_interval_of_the_median_under_six_values() -> None:
    assert median_interval([1.0] * 5) is None
    assert median_interval([]) is None


def test_what_was_not_the_same_in_all_rounds_is_told() -> None:
    calm = RoundConditions(round=0, other_busy_cores=0.1, cpu_mhz=3000, gpu_mhz=1400, gpu_celsius=40)
    assert unsteady_conditions([calm, calm]) == ()
    other = RoundConditions(
        round=1, other_busy_cores=1.5, cpu_mhz=2000, gpu_mhz=1200, gpu_celsius=80, gpu_throttled="reason 0x4"
    )
    told = " ".join(unsteady_conditions([calm, other]))
    for words in ("1 of 2 rounds", "1.5 cores", "2000 and 3000 MHz", "1200 and 1400 MHz", "40 to 80 °C", "reason 0x4"):
        assert words in told
