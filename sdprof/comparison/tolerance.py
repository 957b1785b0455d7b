"""How far rounding may carry two correct computations apart."""

from __future__ import annotations

UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-11,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
"""Largest relative error of one rounding to nearest (IEEE 754; TF32 and bfloat16 keep 10 and 7 fraction bits)."""

ROUNDING_TOLERANCE = {
    "float64": 1e-10,
    "float32": 1e-3,
    "tf32": 2e-2,
    "float16": 2e-2,
    "bfloat16": 1e-1,
}
"""Limit on the largest difference over the largest magnitude of the baseline's output, by the precision in which the
loop computes.

A fix of the class "rounding" computes the same formula in another order, so each operator differs by a few unit
roundoffs; guidance multiplies the difference of two predictions (by 7.5 as published) and the sampler feeds it to the
next step. With a small attention network of random weights, sampled over 1 to 50 steps with guidance 7.5, two orders
of the same arithmetic came apart by 1.1e-6 in float32, 2.2e-3 in float16, 2.8e-3 in TF32 and 2.0e-2 in bfloat16, that
is by 5 to 19 unit roundoffs (benchmarks/rounding.py prints the table). Trained weights can amplify more than random
ones: float32 has room for a factor of 900, the short formats for one of 5 to 9, because beyond that a wrong formula
could no longer be told from rounding. In the same network an attention scale that is wrong by 1% gives 7.1e-3 and one
that is wrong by 10% gives 7.1e-2: float32 sees both, float16 and TF32 the second, and bfloat16 neither.
"""


def rounding_tolerance(precision: str) -> float:
    """The limit for loops that compute in ``precision``, the coarsest format that takes part (under autocast, its).

    :raises ValueError: where the format is not known.
    """
    try:
        return ROUNDING_TOLERANCE[precision]
    except KeyError:
        known = ", ".join(ROUNDING_TOLERANCE)
        raise ValueError(f"no tolerance is known for {precision!r}; known are {known}") from None
