"""A simulated machine with known true speeds: what the statistics are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.schedule import balanced_order

Order = Callable[[Sequence[str], int], Sequence[str]]
"""Turns the entries and the number of a round into who runs when in it."""


def fixed_order(entries: Sequence[str], round_index: int) -> Sequence[str]:
    """A B C, A B C: the order of a bench."""
    del round_index
    return entries


@dataclass
class NoisyMachine:
    """Runs take their true seconds, times noise, times a drift, times a stall now and then."""

    seed: int
    noise: float = 0.04
    """Standard deviation of the log of each run's seconds."""
    drift: float = 0.10
    """By how much runs become slower from the first to the last of one measurement."""
    stall_rate: float = 0.05
    stall: tuple[float, float] = (1.3, 2.0)
    """A stalled run takes between these factors longer, uniformly."""
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def measure(
        self,
        true_seconds: Mapping[str, float],
        rounds: int,
        *,
        into: RoundTimes | None = None,
        first_round: int = 0,
        order: Order = balanced_order,
    ) -> RoundTimes:
        """Rounds over all entries, by default in the order of the audit's schedule."""
        times = into or RoundTimes()
        entries = tuple(true_seconds)
        total = rounds * len(entries)
        slot = 0
        for index in range(rounds):
            for entry in order(entries, index):
                slow_down = 1 + self.drift * slot / max(total - 1, 1)
                stalled = self.rng.random() < self.stall_rate
                stall = self.rng.uniform(*self.stall) if stalled else 1.0
                noise = float(np.exp(self.rng.normal(0.0, self.noise)))
                times = times.with_run(first_round + index, entry, true_seconds[entry] * slow_down * stall * noise)
                slot += 1
        return times
