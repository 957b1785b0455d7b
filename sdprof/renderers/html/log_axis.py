"""A logarithmic scale: from a positive quantity to a place on a chart, with a tick at each power of ten."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_POWERS = 100
"""Beyond that no quantity is meant, and a tick would leave the range of a float."""


@dataclass(frozen=True)
class LogAxis:
    """From ``low``..``high``, whole powers of ten, to ``start``..``end``."""

    low: int
    high: int
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where ``value`` lies; what is outside, or not positive, lands on the nearer end."""
        power = math.log10(value) if value > 0 and math.isfinite(value) else self.low
        clamped = min(max(power, self.low), self.high)
        return self.start + (clamped - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> tuple[float, ...]:
        """Every power of ten."""
        return tuple(10.0**power for power in range(self.low, self.high + 1))


def log_axis(values: Iterable[float], start: float, end: float) -> LogAxis:
    """The powers of ten around all positive values."""
    powers = [math.log10(value) for value in values if value > 0 and math.isfinite(value)] or [0.0]
    powers = [min(max(power, -MOST_POWERS), MOST_POWERS) for power in powers]
    low, high = math.floor(min(powers)), math.ceil(max(powers))
    return LogAxis(low, max(high, low + 1), start, end)
