import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof.comparison.parity import coarsest, compare_outputs
from sdprof.comparison.tolerance import ROUNDING_TOLERANCE, UNIT_ROUNDOFF, rounding_tolerance
from sdprof.quantities import chosen

LATENTS = np.random.default_rng(0).normal(size=(1, 4, 8, 8)).astype(np.float32)
SCALE = float(np.abs(LATENTS).max())


def nudged(relative, values=LATENTS):
    other = values.copy()
    other.flat[7] += relative * np.abs(values).max()
    return other


def parity(candidate, numerics="rounding", **options):
    return compare_outputs({"latents": LATENTS}, {"latents": candidate}, numerics=numerics, **options)


def test_exact_means_the_same_bits():
    same = parity(LATENTS.copy(), "exact")
    assert same.passed
    assert same.tolerance == 0
    assert same.reason == "The outputs are bit-equal."
    one_bit = np.nextafter(LATENTS, np.float32(9))
    off = parity(one_bit, "exact")
    assert not off.passed
    assert "not bit-equal: they differ in 'latents' by up to" in off.reason


def test_exact_names_a_dtype_or_a_sign_where_the_values_agree():
    assert "another dtype" in parity(LATENTS.astype(np.float64), "exact").reason
    zeros = {"x": np.array([0.0, 1.0])}, {"x": np.array([-0.0, 1.0])}
    found = compare_outputs(*zeros, numerics="exact")
    assert not found.passed
    assert "zeros have another sign" in found.reason


@pytest.mark.parametrize("precision", ROUNDING_TOLERANCE)
def test_rounding_is_judged_by_the_precision_of_the_loop(precision):
    limit = ROUNDING_TOLERANCE[precision]
    if precision != "float64":  # float32 latents cannot show a difference of 1e-10
        assert parity(nudged(0.9 * limit), precision=precision).passed
    beyond = parity(nudged(1.1 * max(limit, 1e-6)), precision=precision)
    assert not beyond.passed
    assert beyond.tolerance == limit
    assert f"the tolerance is {chosen(limit)}." in beyond.reason


def test_without_a_precision_the_outputs_name_it():
    half = LATENTS.astype(np.float16)
    found = compare_outputs({"x": half, "y": LATENTS}, {"x": half, "y": LATENTS}, numerics="rounding")
    assert found.tolerance == ROUNDING_TOLERANCE["float16"]


def test_the_worst_output_counts():
    baseline = {"a": np.full(4, 100.0, np.float32), "b": np.full(4, 1.0, np.float32)}
    candidate = {"a": baseline["a"] + np.float32(0.05), "b": baseline["b"] + np.float32(0.01)}
    found = compare_outputs(baseline, candidate, numerics="rounding")
    assert not found.passed
    assert found.max_abs_diff == pytest.approx(0.05, rel=1e-3)
    assert found.max_rel_diff == pytest.approx(0.01, rel=1e-3)
    assert "'b'" in found.reason
    assert [output.name for output in found.outputs] == ["a", "b"]


def test_lossy_is_reported_and_not_judged():
    found = parity(nudged(0.3), "lossy")
    assert (found.passed, found.judged) == (True, False)
    assert found.reason.startswith("Lossy, so reported and not judged")
    assert "PSNR" in found.reason
    assert found.max_rel_diff == pytest.approx(0.3, rel=1e-3)
    assert found.outputs[0].psnr_db > 10


@pytest.mark.parametrize("numerics", ["exact", "rounding", "lossy"])
def test_a_given_tolerance_takes_the_place_of_the_class(numerics):
    assert parity(nudged(0.3), numerics, tolerance=0.4).passed
    found = parity(nudged(0.3), numerics, tolerance=0.2)
    assert (found.passed, found.judged, found.tolerance) == (False, True, 0.2)


@pytest.mark.parametrize("numerics", ["exact", "rounding", "lossy"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("both", [True, False])
def test_what_is_not_finite_never_passes(numerics, value, both):
    bad = LATENTS.copy()
    bad[0, 0, 0, 0] = value
    found = compare_outputs({"x": bad if both else LATENTS}, {"x": bad}, numerics=numerics, tolerance=None)
    assert not found.passed
    assert f"1 of 256 in the candidate, {int(both)} in the baseline" in found.reason
    assert not compare_outputs({"x": bad}, {"x": bad}, numerics=numerics, tolerance=1e9).passed


@pytest.mark.parametrize(
    ("baseline", "candidate", "sentence"),
    [
        ({"x": np.ones(2)}, {"y": np.ones(2)}, "The candidate returned no output 'x'"),
        ({"x": np.ones(2)}, {"x": np.ones(2), "y": np.ones(2)}, "The candidate returned an output 'y'"),
        (
            {"x": np.ones((1, 4))},
            {"x": np.ones((4, 1))},
            r"shape \(1, 4\) in the baseline and \(4, 1\) in the candidate",
        ),
        ({}, {}, "nothing to compare"),
        ({"x": np.ones((0, 4))}, {"x": np.ones((0, 4))}, "nothing to compare"),
    ],
)
@pytest.mark.parametrize("numerics", ["exact", "rounding", "lossy"])
def test_what_does_not_go_together_never_passes(baseline, candidate, sentence, numerics):
    found = compare_outputs(baseline, candidate, numerics=numerics)
    assert not found.passed
    assert re.search(sentence, found.reason)


def test_a_decoded_image_may_differ_by_one_unit():
    image = np.random.default_rng(1).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    assert compare_outputs({"x": image}, {"x": image + np.uint8(1)}, numerics="rounding").passed
    assert not compare_outputs({"x": image}, {"x": image + np.uint8(1)}, numerics="exact").passed
    off = image.astype(np.int16)
    off[0, 0, 0] += 2
    assert not compare_outputs({"x": image}, {"x": off}, numerics="rounding").passed


def again(values):
    return {"latents": values}


def test_a_baseline_that_repeats_itself_changes_nothing():
    assert parity(LATENTS.copy(), "exact", baseline_again=again(LATENTS.copy())).baseline_reproducible
    assert not parity(nudged(1e-6), "exact", baseline_again=again(LATENTS.copy())).passed


def test_an_exact_fix_is_not_judged_tighter_than_the_baseline_repeats_itself():
    found = parity(nudged(2e-6), "exact", baseline_again=again(nudged(1e-6)))
    assert (found.passed, found.baseline_reproducible) == (True, False)
    assert found.tolerance == ROUNDING_TOLERANCE["float32"]
    assert "Nothing tighter can be judged: two runs of the baseline differ" in found.reason


@pytest.mark.parametrize("numerics", ["exact", "rounding"])
def test_an_unseeded_baseline_cannot_be_judged(numerics):
    found = parity(LATENTS.copy(), numerics, baseline_again=again(nudged(0.5)))
    assert (found.passed, found.baseline_reproducible) == (False, False)
    assert found.reason.startswith("Parity cannot be judged: two runs of the baseline differ")
    assert "Seed the loop" in found.reason


def test_a_baseline_whose_second_run_is_another_shape_or_broken_cannot_be_judged():
    found = parity(LATENTS.copy(), baseline_again=again(LATENTS[..., :4]))
    assert not found.passed
    assert "baseline's second run" in found.reason
    broken = LATENTS.copy()
    broken[0, 0, 0, 0] = np.nan
    assert "a second run of the baseline has NaN" in parity(LATENTS.copy(), baseline_again=again(broken)).reason


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_wider_tolerance_never_fails_what_a_narrower_passed(one, two):
    narrow, wide = sorted((one, two))
    candidate = nudged(0.37)
    assert parity(candidate, tolerance=narrow).passed <= parity(candidate, tolerance=wide).passed


@pytest.mark.parametrize("tolerance", [-1e-3, float("nan")])
def test_a_tolerance_is_no_negative_number(tolerance):
    with pytest.raises(ValueError, match="0 or more"):
        parity(LATENTS, tolerance=tolerance)


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="no tolerance is known for 'fp8'"):
        parity(LATENTS, precision="fp8")


def test_tolerances_are_known_for_every_format_and_wider_than_one_rounding():
    assert ROUNDING_TOLERANCE.keys() == UNIT_ROUNDOFF.keys()
    assert all(rounding_tolerance(name) > 20 * UNIT_ROUNDOFF[name] for name in UNIT_ROUNDOFF)


def test_the_coarsest_class_of_a_set():
    assert coarsest([]) == "exact"
    assert coarsest(["exact", "rounding", "exact"]) == "rounding"
    assert coarsest(["lossy", "exact"]) == "lossy"
