"""How far one output tensor lies from another: numbers only, no judgement."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from sdprof.model import OutputParity

_LARGEST = float(np.finfo(np.float64).max)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One output of the candidate against the baseline's of the same name and shape."""

    output: OutputParity
    bit_equal: bool
    """Same dtype and the same bits; +0 and -0 are different bits."""
    same_dtype: bool
    integer: bool
    """Both hold integers or booleans."""
    elements: int
    baseline_not_finite: int
    """How many of the baseline's values are NaN or infinite."""
    candidate_not_finite: int


def difference(name: str, baseline: NDArray[np.generic], candidate: NDArray[np.generic]) -> Difference:
    """Differences over the elements that are finite in both.

    ``max_rel_diff`` is relative to the largest magnitude of the baseline's output, not to each element: a latent that
    happens to lie near zero carries the rounding errors of its neighbours, and its own magnitude is no measure of
    them. Where the baseline is all zeros, it is 0 for an output that is too and 1 for one that is not.

    ``psnr_db`` is the peak signal-to-noise ratio, 10·log10(range² / mean squared difference), with the range of the
    baseline's output as the peak; None where the outputs are equal or the baseline is constant.

    :raises ValueError: where the shapes differ or the elements are no numbers.
    """
    if baseline.shape != candidate.shape:
        raise ValueError(f"output {name!r}: shapes {baseline.shape} and {candidate.shape} differ")
    first, second = _as_numbers(name, baseline), _as_numbers(name, candidate)
    finite = np.isfinite(first) & np.isfinite(second)
    with np.errstate(over="ignore"):
        apart = np.abs(second[finite] - first[finite])
    magnitude = _largest(np.abs(first[finite]))
    max_abs_diff = _largest(apart)
    return Difference(
        output=OutputParity(
            name=name,
            shape=baseline.shape,
            max_abs_diff=max_abs_diff,
            max_rel_diff=_relative(max_abs_diff, magnitude),
            psnr_db=_psnr_db(first[finite], apart),
        ),
        bit_equal=baseline.dtype == candidate.dtype and baseline.tobytes() == candidate.tobytes(),
        same_dtype=baseline.dtype == candidate.dtype,
        integer=baseline.dtype.kind in "biu" and candidate.dtype.kind in "biu",
        elements=baseline.size,
        baseline_not_finite=int(np.count_nonzero(~np.isfinite(first))),
        candidate_not_finite=int(np.count_nonzero(~np.isfinite(second))),
    )


def _as_numbers(name: str, values: NDArray[np.generic]) -> NDArray[np.float64] | NDArray[np.complex128]:
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind == "c":
        return values.astype(np.complex128)
    raise ValueError(f"output {name!r} holds {values.dtype}, which is no number")


def _largest(magnitudes: NDArray[np.float64]) -> float:
    """The maximum, kept finite: JSON knows no infinity."""
    return min(float(magnitudes.max()), _LARGEST) if magnitudes.size else 0.0


def _relative(max_abs_diff: float, magnitude: float) -> float:
    if max_abs_diff == 0:
        return 0.0
    return min(max_abs_diff / magnitude, _LARGEST) if magnitude > 0 else 1.0


def _psnr_db(baseline: NDArray[np.float64] | NDArray[np.complex128], apart: NDArray[np.float64]) -> float | None:
    if not apart.size:
        return None
    with np.errstate(over="ignore"):
        peak = float(np.ptp(baseline.real)) if baseline.dtype.kind == "f" else 2 * _largest(np.abs(baseline))
        noise = math.sqrt(float(np.mean(np.square(apart))))
    if not (0 < noise < math.inf and 0 < peak < math.inf):
        return None
    return 20 * (math.log10(peak) - math.log10(noise))
