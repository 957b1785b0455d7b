"""Is the output still the same? Judged by what the fixes say that they do to the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from sdprof.comparison.differences import Difference, difference
from sdprof.comparison.tolerance import UNIT_ROUNDOFF, rounding_tolerance
from sdprof.model import Numerics, Parity
from sdprof.quantities import chosen, number

Outputs = Mapping[str, NDArray[np.generic]]

_COARSENESS: dict[Numerics, int] = {"exact": 0, "rounding": 1, "lossy": 2}


def coarsest(classes: Iterable[Numerics]) -> Numerics:
    """The class of a set of fixes: that of its coarsest member; exact for the empty set."""
    return max(classes, key=_COARSENESS.__getitem__, default="exact")


def compare_outputs(
    baseline: Outputs,
    candidate: Outputs,
    *,
    numerics: Numerics,
    precision: str | None = None,
    tolerance: float | None = None,
    baseline_again: Outputs | None = None,
) -> Parity:
    """Judge the outputs of a candidate against the baseline's.

    - **exact**: the same bits.
    - **rounding**: ``max_rel_diff`` of every output within the tolerance of the precision; integers (a decoded image)
      may also differ by one unit, where a value was rounded the other way.
    - **lossy**: the difference and its PSNR are reported, and not judged unless a tolerance is given.

    NaN and infinite values never pass, not even where the baseline has them too: nobody could say that they are
    right. Different names or shapes never pass.

    :param numerics: :func:`coarsest` class of the candidate's fixes.
    :param precision: coarsest floating-point format in which the loop computes, a key of ``ROUNDING_TOLERANCE``.
        Default: the coarsest among the baseline's outputs, which under autocast is finer than the truth.
    :param tolerance: the user's own limit on ``max_rel_diff``; takes the place of the class's.
    :param baseline_again: outputs of another run of the baseline. Where they differ from the first, nothing can be
        judged tighter than by how much: an exact fix is then held to the tolerance of rounding, and where even that
        is smaller than what the baseline differs from itself, parity fails with that as its reason.
    :raises ValueError: for a negative tolerance or an unknown precision.
    """
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"a tolerance is 0 or more, got {tolerance}")
    own, own_mismatch = _own_differences(baseline, baseline_again)
    reproducible = not own_mismatch and all(each.bit_equal for each in own)
    rounding = rounding_tolerance(precision or _coarsest_format(baseline))
    limit = _limit(numerics, tolerance, rounding, reproducible)

    mismatch = _mismatch(baseline, candidate, "baseline", "candidate")
    found = [] if mismatch else [difference(name, baseline[name], candidate[name]) for name in baseline]
    reason = (
        mismatch
        or _not_finite(found)
        or own_mismatch
        or (_unrepeatable(own, limit) if limit is not None else "")
        or _too_far(found, limit)
    )
    return Parity(
        passed=not reason,
        judged=bool(reason) or limit is not None,
        max_abs_diff=max((each.output.max_abs_diff for each in found), default=0.0),
        max_rel_diff=max((each.output.max_rel_diff for each in found), default=0.0),
        tolerance=limit or 0.0,
        numerics=numerics,
        reason=reason or _passed_because(found, numerics, limit, own if not reproducible else []),
        baseline_reproducible=reproducible,
        outputs=tuple(each.output for each in found),
    )


def _limit(numerics: Numerics, tolerance: float | None, rounding: float, reproducible: bool) -> float | None:
    """Limit on max_rel_diff, 0 for bit-equality, None where nothing is judged."""
    if tolerance is not None:
        return tolerance
    if numerics == "lossy":
        return None
    return 0.0 if numerics == "exact" and reproducible else rounding


def _coarsest_format(outputs: Outputs) -> str:
    formats = [values.dtype.name for values in outputs.values() if values.dtype.name in UNIT_ROUNDOFF]
    return max(formats, key=UNIT_ROUNDOFF.__getitem__, default="float32")


def _own_differences(baseline: Outputs, again: Outputs | None) -> tuple[list[Difference], str]:
    if again is None:
        return [], ""
    mismatch = _mismatch(baseline, again, "baseline's first run", "baseline's second run")
    return ([], mismatch) if mismatch else ([difference(name, baseline[name], again[name]) for name in baseline], "")


def _mismatch(first: Outputs, second: Outputs, first_name: str, second_name: str) -> str:
    if not any(values.size for values in first.values()):
        return f"The {first_name} returned no tensors with values in them, so there is nothing to compare."
    for name in first:
        if name not in second:
            return f"The {second_name} returned no output {name!r}, which the {first_name} has."
        if first[name].shape != second[name].shape:
            return (
                f"Output {name!r} has the shape {first[name].shape} in the {first_name} and {second[name].shape} in "
                f"the {second_name}."
            )
    for name in second:
        if name not in first:
            return f"The {second_name} returned an output {name!r}, which the {first_name} has not."
    return ""


def _not_finite(found: list[Difference]) -> str:
    for each in found:
        if each.candidate_not_finite or each.baseline_not_finite:
            return (
                f"Output {each.output.name!r} holds NaN or infinite values: {each.candidate_not_finite} of "
                f"{each.elements} in the candidate, {each.baseline_not_finite} in the baseline."
            )
    return ""


def _unrepeatable(own: list[Difference], limit: float) -> str:
    for each in own:
        if each.candidate_not_finite:
            return f"Parity cannot be judged: a second run of the baseline has NaN or infinity in {each.output.name!r}."
        if not _within(each, limit):
            return (
                f"Parity cannot be judged: two runs of the baseline differ in {_apart(each)}, more than the tolerance "
                f"of {chosen(limit)}. Seed the loop inside run()."
            )
    return ""


def _too_far(found: list[Difference], limit: float | None) -> str:
    for each in found:
        if limit is None or _within(each, limit):
            continue
        if limit > 0:
            return f"The outputs differ in {_apart(each)}; the tolerance is {chosen(limit)}."
        if not each.same_dtype:
            return f"Output {each.output.name!r} has another dtype than the baseline's, so it is not bit-equal."
        if each.output.max_abs_diff == 0:
            return f"Output {each.output.name!r} is not bit-equal: zeros have another sign."
        return f"The outputs are not bit-equal: they differ in {_apart(each)}."
    return ""


def _within(each: Difference, limit: float) -> bool:
    if limit == 0:
        return each.bit_equal
    rounded_the_other_way = each.integer and each.output.max_abs_diff <= 1
    return each.output.max_rel_diff <= limit or rounded_the_other_way


def _apart(each: Difference) -> str:
    output = each.output
    return (
        f"{output.name!r} by up to {number(output.max_abs_diff)}, {number(output.max_rel_diff)} of the baseline's "
        "largest magnitude"
    )


def _passed_because(found: list[Difference], numerics: Numerics, limit: float | None, own: list[Difference]) -> str:
    worst = max(found, key=lambda each: each.output.max_rel_diff)
    if limit is None:
        psnr = f", PSNR {number(worst.output.psnr_db)} dB" if worst.output.psnr_db is not None else ""
        return f"Lossy, so reported and not judged: the outputs differ in {_apart(worst)}{psnr}."
    if all(each.bit_equal for each in found):
        return "The outputs are bit-equal."
    said = f"The outputs differ in {_apart(worst)}; the tolerance is {chosen(limit)}."
    if own:
        itself = max(own, key=lambda each: each.output.max_rel_diff)
        said += f" Nothing tighter can be judged: two runs of the baseline differ in {_apart(itself)}."
    return said
