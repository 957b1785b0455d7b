import pytest

from sdprof.comparison.plan_structs import BASELINE, CONTROL
from sdprof.model import Cost, Finding
from sdprof.stages import conclude
from tests.stages.made import BUILT, DIFFERENT, REQUEST, SAME, fix, measurements, twice_as_fast

METAS = {"swap": fix("swap"), "broken": fix("broken")}


def test_the_target_is_described_as_it_resolved_itself() -> None:
    target = conclude.audited_target(REQUEST, BUILT)
    assert (target.name, target.size, target.steps, target.seed) == ("loop", "tiny", 4, 7)
    assert target.height is None
    assert target.parameters == {"sampler": "ddim"}


def test_the_baseline_comes_first_and_its_control_second() -> None:
    variants = conclude.variants(twice_as_fast())
    assert [variant.id for variant in variants[:2]] == [BASELINE.id, CONTROL.id]
    assert {variant.id for variant in variants[2:]} == {"swap", "broken"}


def test_a_variant_has_its_times_its_gain_and_what_its_fixes_did() -> None:
    swap = next(variant for variant in conclude.variants(twice_as_fast()) if variant.id == "swap")
    assert swap.timing is not None
    assert swap.timing.median == pytest.approx(1.0, rel=0.01)
    assert swap.timing.low <= swap.timing.median <= swap.timing.high
    assert swap.speedup is not None
    assert swap.speedup.median == pytest.approx(2.0, rel=0.02)
    assert len(swap.round_speedups) == len(swap.timing.seconds)
    assert swap.compile_seconds == pytest.approx(3.0, abs=0.02)
    assert swap.notes == ("swap did it",)


def test_a_variant_that_failed_says_why_and_has_no_times() -> None:
    broken = next(variant for variant in conclude.variants(twice_as_fast()) if variant.id == "broken")
    assert broken.error == "it would not start"
    assert broken.timing is None
    assert broken.speedup is None


def test_the_winner_is_the_candidate_with_its_own_parity() -> None:
    comparison = conclude.comparison(twice_as_fast())
    assert comparison.candidate == "swap"
    assert comparison.verdict == "faster"
    assert comparison.parity == SAME
    assert comparison.rounds == len(comparison.order)
    # The first run takes 4 s instead of 2.5, every other one 1 s less.
    assert comparison.break_even_runs == pytest.approx(1.5, rel=0.05)


def test_fixes_in_the_plan_come_first() -> None:
    results = conclude.fix_results(twice_as_fast(), METAS, ())
    assert [(result.id, result.applied) for result in results] == [("swap", True), ("broken", False)]
    assert results[0].did == ("swap did it",)
    assert "it would not start" in results[1].reason


def test_the_waterfall_is_in_milliseconds_a_step() -> None:
    bars = conclude.waterfall(twice_as_fast().plan, calls_per_run=4)
    assert [(bar.variant, bar.fix) for bar in bars] == [(BASELINE.id, None), ("swap", "swap")]
    assert [bar.ms_per_step for bar in bars] == pytest.approx([500.0, 250.0], rel=0.02)


def test_a_fix_takes_away_what_its_bar_is_shorter_than_the_one_above() -> None:
    gone = conclude.gone_ms_per_step(twice_as_fast().plan, calls_per_run=4)
    assert gone == {"swap": pytest.approx(250.0, rel=0.02)}


def test_a_bar_is_predicted_by_what_its_fixes_remove_and_none_before_them_did() -> None:
    def costing(predicted: float | None, *fixes: str) -> Finding:
        cost = Cost(predicted_ms_per_step=predicted)
        return Finding(id="slow", title="slow", severity="high", status="fixed", cost=cost, fixes=fixes)

    findings = (costing(30.0, "swap", "other"), costing(20.0, "swap"), costing(9.0, "other"), costing(None, "swap"))
    bars = conclude.waterfall(twice_as_fast().plan, calls_per_run=4, findings=findings)
    assert bars[0].predicted_ms_per_step is None
    assert bars[1].predicted_ms_per_step == pytest.approx(bars[0].ms_per_step - 50.0)
    assert conclude.waterfall(twice_as_fast().plan, 4, findings[2:])[1].predicted_ms_per_step is None


def test_where_nothing_won_parity_is_that_of_a_set_that_kept_the_output() -> None:
    slow = measurements(
        {BASELINE.id: 1.0, CONTROL.id: 1.0, "a": 1.5, "b": 1.5},
        fixes=(fix("a"), fix("b")),
        parity={CONTROL.id: SAME, "a": DIFFERENT, "b": SAME},
    )
    comparison = conclude.comparison(slow)
    assert comparison.candidate is None
    assert comparison.parity is not None
    assert comparison.parity.passed
    assert comparison.parity.reason.startswith("Of b, which was tried and not chosen.")


def test_where_nothing_was_tried_parity_is_that_of_the_control() -> None:
    nothing = measurements({BASELINE.id: 1.0, CONTROL.id: 1.0}, fixes=(), parity={CONTROL.id: SAME})
    comparison = conclude.comparison(nothing)
    assert comparison.candidate is None
    assert comparison.parity == SAME
