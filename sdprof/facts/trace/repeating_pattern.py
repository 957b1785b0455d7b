"""Finds the period of a sequence that repeats itself in part: the loop in a list of operators."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_PROJECTIONS = 4
_SHORTEST_PERIOD = 8
_FEWEST_REPEATS = 3
_NEAR_BEST = 0.98
_ALIKE = 0.9


class Repetition(NamedTuple):
    """``repeats`` periods of ``period`` items, the first at ``start``."""

    start: int
    period: int
    repeats: int


def repetition(codes: npt.NDArray[np.int64]) -> Repetition | None:
    """The repeated part of a sequence, or None where nothing repeats three times over half of it.

    Each symbol becomes a random sign; the autocorrelation of the signs, by FFT, estimates for every lag the share of
    items that equal the item one lag later. The smallest lag that comes within 2% of the best is the period: repeated
    layers inside the loop match less well, because the loop's own ends interrupt them.
    """
    size = len(codes)
    if size < _FEWEST_REPEATS * _SHORTEST_PERIOD:
        return None
    random = np.random.default_rng(0)
    _, symbols = np.unique(codes, return_inverse=True)
    alike = np.zeros(size // 2 + 1)
    for _ in range(_PROJECTIONS):
        signs = random.choice((-1.0, 1.0), size=int(symbols.max()) + 1)[symbols]
        spectrum = np.fft.rfft(signs, 2 * size)
        alike += np.fft.irfft(np.abs(spectrum) ** 2)[: len(alike)]
    alike /= _PROJECTIONS * (size - np.arange(len(alike)))
    alike[:_SHORTEST_PERIOD] = 0
    for period in np.flatnonzero(alike >= _NEAR_BEST * alike.max()).tolist():
        found = _repeated(symbols, period)
        if found is not None:
            return found
    return None


def _repeated(symbols: npt.NDArray[np.int64], period: int) -> Repetition | None:
    """The longest stretch that repeats with this period."""
    equal = symbols[period:] == symbols[:-period]
    same = np.concatenate(([0], np.cumsum(equal)))
    matching = np.concatenate(([False], (same[period:] - same[:-period]) >= _ALIKE * period, [False]))
    edges = np.flatnonzero(np.diff(matching.astype(np.int8)))
    if not len(edges):
        return None
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    # The tolerance lets the stretch begin and end on items that do not match.
    matches = starts[longest] + np.flatnonzero(equal[starts[longest] : ends[longest] - 1 + period])
    start, length = int(matches[0]), int(matches[-1] - matches[0]) + 1 + period
    repeats = length // period
    if repeats < _FEWEST_REPEATS or 2 * repeats * period < len(symbols):
        return None
    return Repetition(start, period, repeats)
