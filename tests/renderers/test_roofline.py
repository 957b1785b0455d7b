import math

import msgspec
import pytest

from sdprof.renderers.html.log_axis import log_axis
from sdprof.renderers.html.roofline import roof_at, roofline
from tests.renderers.samples import SAMPLES, faster


def test_the_roof_is_the_lower_of_memory_and_arithmetic() -> None:
    peaks = faster().peaks
    assert peaks is not None
    ridge = peaks.gemm_flops_per_second / peaks.copy_bytes_per_second
    assert roof_at(ridge / 2, peaks) == pytest.approx(peaks.gemm_flops_per_second / 2)
    assert roof_at(ridge * 5, peaks) == peaks.gemm_flops_per_second


def test_only_modules_with_flops_and_bytes_are_drawn() -> None:
    result = faster()
    drawn = roofline(result)
    assert drawn is not None
    known = [m for m in (*result.hot_modules, *result.hot_modules_after) if m.least_bytes and m.flops]
    assert str(drawn.drawing).count('class="dot') == len(known) > 0
    assert drawn.sides == ("before", "after")


def test_without_peaks_or_bytes_there_is_none() -> None:
    bare = tuple(msgspec.structs.replace(module, least_bytes=None) for module in faster().hot_modules)
    assert roofline(msgspec.structs.replace(faster(), hot_modules=bare, hot_modules_after=())) is None
    assert roofline(msgspec.structs.replace(faster(), peaks=None)) is None
    assert roofline(SAMPLES["everything_missing"]()) is None


def test_a_logarithmic_axis_holds_its_values_between_powers_of_ten() -> None:
    axis = log_axis([3.0, 4200.0], 0.0, 1.0)
    assert (axis.low, axis.high) == (0, 4)
    assert axis.at(100.0) == pytest.approx(0.5)
    assert [axis.at(value) for value in (0.0, -1.0, math.nan)] == [0.0, 0.0, 0.0]
    assert axis.at(1e9) == 1.0
    assert axis.ticks() == (1.0, 10.0, 100.0, 1000.0, 10000.0)
