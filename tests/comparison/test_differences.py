import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sdprof.comparison.differences import Difference, difference

any_floats = hnp.arrays(np.float64, 6, elements=st.floats(allow_nan=True, allow_infinity=True))
moderate = hnp.arrays(np.float64, 6, elements=st.floats(-1e6, 1e6, allow_subnormal=False))


def test_by_hand():
    found = difference("x", np.array([0.0, -4.0, 2.0]), np.array([0.1, -4.0, 2.3]))
    assert found.output.max_abs_diff == pytest.approx(0.3)
    assert found.output.max_rel_diff == pytest.approx(0.3 / 4)
    # range 6, mean squared difference (0.01 + 0.09) / 3
    assert found.output.psnr_db == pytest.approx(10 * math.log10(36 / (0.1 / 3)))
    assert not found.bit_equal


def test_the_same_bits():
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    found = difference("x", values, values.copy())
    assert found.bit_equal
    assert found.output.max_abs_diff == found.output.max_rel_diff == 0
    assert found.output.psnr_db is None
    assert found.output.shape == (2, 3)


def test_layout_in_memory_is_no_difference():
    values = np.arange(12.0).reshape(3, 4)
    assert difference("x", values, np.asfortranarray(values)).bit_equal


@pytest.mark.parametrize(
    ("other", "same_dtype"),
    [(np.array([-0.0, 1.0]), True), (np.array([0.0, 1.0], dtype=np.float32), False)],
)
def test_equal_values_are_not_yet_equal_bits(other, same_dtype):
    found = difference("x", np.array([0.0, 1.0]), other)
    assert found.output.max_abs_diff == 0
    assert not found.bit_equal
    assert found.same_dtype is same_dtype


def test_all_zeros_against_anything():
    assert difference("x", np.zeros(3), np.full(3, 1e-9)).output.max_rel_diff == 1.0
    assert difference("x", np.zeros(3), np.zeros(3)).output.max_rel_diff == 0.0


def test_what_is_not_finite_is_counted_and_left_out():
    found = difference("x", np.array([1.0, np.nan, 2.0]), np.array([1.5, 1.0, -np.inf]))
    assert (found.baseline_not_finite, found.candidate_not_finite, found.elements) == (1, 1, 3)
    assert found.output.max_abs_diff == 0.5


def test_complex_and_boolean():
    assert difference("x", np.array([3 + 4j]), np.array([0j])).output.max_rel_diff == 1.0
    found = difference("x", np.array([True, False]), np.array([True, True]))
    assert found.integer
    assert found.output.max_abs_diff == 1.0


@given(any_floats, any_floats)
def test_every_number_survives_json(baseline, candidate):
    found = difference("x", baseline, candidate)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Difference) == found


@given(moderate, moderate, st.floats(0.001, 1000))
def test_relative_means_that_the_unit_does_not_matter(baseline, candidate, unit):
    before = difference("x", baseline, candidate).output
    after = difference("x", baseline * unit, candidate * unit).output
    assert after.max_rel_diff == pytest.approx(before.max_rel_diff, rel=1e-6, abs=1e-300)


@given(moderate, moderate)
def test_absolute_is_symmetric(baseline, candidate):
    there, back = difference("x", baseline, candidate), difference("x", candidate, baseline)
    assert there.output.max_abs_diff == back.output.max_abs_diff
    assert there.bit_equal == back.bit_equal


@pytest.mark.parametrize("values", [np.array(["a", "b"]), np.array([object()]), np.array(["2020"], dtype="datetime64")])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(ValueError, match="no number"):
        difference("x", values, values)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shapes"):
        difference("x", np.zeros(2), np.zeros(3))
