"""Which starts and durations can be worked with."""

from __future__ import annotations

LATEST_MICROSECONDS = 9e15
"""Beyond this, nanoseconds do not fit 64 bits (292 years)."""
EXACT_MICROSECONDS = 2.0**52 / 1000
"""Beyond this (52 days), neighbouring doubles are a nanosecond or more apart: decimals are lost while parsing."""
