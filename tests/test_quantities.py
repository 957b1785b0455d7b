import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdprof import quantities
from sdprof.comparison.verdict import as_text
from sdprof.model import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.012345, "0.0123"),
        (12.345, "12.3"),
        (1234.5, "1,234"),
        (3.1e-6, "3.1e-6"),
        (1e-4, "1e-4"),
        (-2.5, "−2.50"),
        (7.0, "7"),
        (2.5e12, "2.5e12"),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
        (None, "–"),
    ],
)
def test_numbers_keep_three_significant_digits(value: float | None, text: str) -> None:
    assert quantities.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00042, "420 µs"), (0.0123, "12.3 ms"), (1.239, "1.24 s"), (125, "2 min 5 s"), (0, "0 s")],
)
def test_seconds_choose_their_unit(value: float, text: str) -> None:
    assert quantities.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(512, "512 B"), (7040, "6.88 KiB"), (3756.7 * 2**20, "3.67 GiB"), (None, "–"), (-2048, "−2 KiB")],
)
def test_bytes_are_counted_in_powers_of_1024(value: float | None, text: str) -> None:
    assert quantities.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "<0.1%"), (0.074, "7.4%"), (0.424, "42%"), (0.0, "0.0%"), (1.0, "100%")]
)
def test_shares_are_written_in_percent(value: float, text: str) -> None:
    assert quantities.share(value) == text


def test_milliseconds_become_seconds_from_ten_seconds_on() -> None:
    assert quantities.milliseconds(9999) == "9,999 ms"
    assert quantities.milliseconds(12_340) == "12.3 s"


def test_an_interval_near_one_gets_the_decimals_that_tell_it_from_one() -> None:
    close = Interval(median=1.0042, low=1.0013, high=1.0071)
    assert quantities.bounds(close) == "1.001 to 1.007"
    assert quantities.bounds(Interval(median=1.63, low=1.58, high=1.68)) == "1.58 to 1.68"
    assert quantities.times(None) == quantities.UNKNOWN


def test_counts_agree_with_their_noun() -> None:
    assert [quantities.counted(n, "round") for n in (0, 1, 12)] == ["0 rounds", "1 round", "12 rounds"]


@given(st.floats(min_value=1e-12, max_value=1e15, allow_nan=False))
def test_a_number_read_back_is_within_its_digits(value: float) -> None:
    read = float(quantities.number(value).replace(",", ""))
    assert read == pytest.approx(value, rel=0.06 if value < 1e-3 or value >= 1e9 else 0.006)


@given(st.floats())
def test_every_float_can_be_written_in_every_unit(value: float) -> None:
    for write in (
        quantities.number,
        quantities.seconds,
        quantities.milliseconds,
        quantities.size,
        quantities.flops,
        quantities.share,
    ):
        assert write(value)


@pytest.mark.parametrize(
    ("value", "text"), [(1e-3, "0.001"), (1e-4, "1e-4"), (0.05, "0.05"), (900.0, "900"), (2.5e-5, "2.5e-5")]
)
def test_a_limit_has_no_digit_that_nobody_chose(value: float, text: str) -> None:
    assert quantities.chosen(value) == text


@pytest.mark.parametrize(
    ("low", "median", "high"), [(0.923, 1.116, 1.264), (0.9953, 1.0012, 1.0081), (1.6, 1.61, 1.615), (900, 1000, 1234)]
)
def test_a_ratio_has_the_same_digits_in_sentences_and_in_tables(low: float, median: float, high: float) -> None:
    interval = Interval(low=low, median=median, high=high)
    low_text, high_text = quantities.bounds(interval).split(" to ")
    assert as_text(interval) == f"{quantities.times(interval).removesuffix('×')} [{low_text}, {high_text}]"
