"""What the rounds of a comparison measured."""

from __future__ import annotations

import math

import msgspec

from sdprof.comparison.interval import ratio_interval
from sdprof.model import Interval
from sdprof.model.bench import RunTime as RunTime


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of two entries in the rounds in which both ran through."""

    rounds: tuple[int, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]

    def interval(self) -> Interval | None:
        """The speed-up of the candidate; None where there are too few pairs."""
        return ratio_interval(self.baseline, self.candidate)


class RoundTimes(msgspec.Struct, frozen=True):
    """All runs of a comparison in the order in which they ran.

    A round need not hold every entry: two entries are compared in the rounds that hold both, so measurements that
    were taken in several goes can lie in one ``RoundTimes`` under different round numbers.
    """

    runs: tuple[RunTime, ...] = ()

    def with_run(self, round: int, entry: str, seconds: float) -> RoundTimes:
        """These times and one run more.

        :raises ValueError: where the seconds are not positive and finite, or this round already holds this entry.
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"a run of {entry!r} cannot have taken {seconds} seconds")
        return self._with(RunTime(round=round, entry=entry, seconds=seconds))

    def with_failure(self, round: int, entry: str, failure: str) -> RoundTimes:
        """These times and one failed run: its round gives no pair with this entry."""
        return self._with(RunTime(round=round, entry=entry, seconds=None, failure=failure))

    def _with(self, run: RunTime) -> RoundTimes:
        if any(run.round == other.round and run.entry == other.entry for other in self.runs):
            raise ValueError(f"round {run.round} already holds a run of {run.entry!r}")
        return RoundTimes((*self.runs, run))

    def followed_by(self, later: RoundTimes) -> RoundTimes:
        """These rounds, then the later ones under numbers of their own."""
        offset = 1 + max((run.round for run in self.runs), default=-1)
        moved = (msgspec.structs.replace(run, round=run.round + offset) for run in later.runs)
        return RoundTimes((*self.runs, *moved))

    def seconds(self, entry: str) -> tuple[float, ...]:
        """Seconds of the entry's runs that did not fail, by round."""
        return tuple(self._by_round(entry).values())

    def failures(self, entry: str) -> tuple[str, ...]:
        """Why runs of the entry failed, in the order in which they ran."""
        return tuple(run.failure for run in self.runs if run.entry == entry and run.seconds is None)

    def pairs(self, baseline: str, candidate: str) -> Pairs:
        """The rounds in which both ran through."""
        first, second = self._by_round(baseline), self._by_round(candidate)
        rounds = tuple(round for round in first if round in second)
        return Pairs(
            rounds=rounds,
            baseline=tuple(first[round] for round in rounds),
            candidate=tuple(second[round] for round in rounds),
        )

    def order(self) -> tuple[tuple[str, ...], ...]:
        """The entries in the order in which each round ran them, round by round."""
        rounds: dict[int, list[str]] = {}
        for run in self.runs:
            rounds.setdefault(run.round, []).append(run.entry)
        return tuple(tuple(rounds[round]) for round in sorted(rounds))

    def _by_round(self, entry: str) -> dict[int, float]:
        seconds = {run.round: run.seconds for run in self.runs if run.entry == entry and run.seconds is not None}
        return dict(sorted(seconds.items()))
