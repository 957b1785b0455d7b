"""Scales: from a quantity to a place on a chart, with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST = 1e100
"""Beyond that no quantity is meant, and differences leave the range of a float."""


@dataclass(frozen=True)
class Axis:
    """A linear scale from ``low``..``high`` to ``start``..``end`` (fractions of a width, or pixels of a height)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where ``value`` lies; outside values land on the nearer end."""
        if not math.isfinite(value):
            value = self.low if math.isnan(value) or value < 0 else self.high
        clamped = min(max(value, self.low), self.high)
        return self.start + (clamped - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, about: int = 4, unit: float = 1.0) -> tuple[float, ...]:
        """About that many values inside the scale that are round when counted in ``unit``."""
        step = unit * _round_step((self.high - self.low) / max(about, 1) / unit)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(round(number * step, 12) for number in range(first, last + 1))


def axis(values: list[float], start: float, end: float, *, margin: float = 0.08, from_zero: bool = False) -> Axis:
    """A scale that holds all values that can be drawn with a margin (a share of their range) on both sides.

    :param from_zero: let it begin at zero, without a margin there.
    """
    finite = [value for value in values if abs(value) <= LARGEST] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if from_zero:
        low = min(low, 0.0)
    spare = (high - low) * margin or abs(high) * 0.05 or 1.0
    return Axis(low if from_zero and low == 0 else low - spare, high + spare, start, end)


def _round_step(rough: float) -> float:
    """The nearest of 1, 2, 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
