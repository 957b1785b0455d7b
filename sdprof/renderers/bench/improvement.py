"""Relative improvement, as the article has it: how much of the reference's time is saved, in percent."""

from __future__ import annotations

from sdprof.model import Interval
from sdprof.quantities import UNKNOWN


def improvement(speedup: float) -> float:
    """Share of the reference's seconds that are saved: 1 - 1 / speed-up; below 0 where it is slower."""
    return 1 - 1 / speedup


def improvement_text(speedup: Interval | None, rounds: int) -> str:
    """``+12.3% [+10.1, +14.0]``; where there is no interval, why."""
    if speedup is None:
        return "too few rounds" if rounds else UNKNOWN
    middle, low, high = (improvement(value) * 100 for value in (speedup.median, speedup.low, speedup.high))
    return f"{middle:+.1f}% [{low:+.1f}, {high:+.1f}]".replace("-", "−")
