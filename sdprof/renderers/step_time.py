"""Which variants stand for before and after, and what a step of each takes."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import AuditResult, Variant


@dataclass(frozen=True)
class StepTimes:
    """Turns seconds of whole runs into milliseconds per step, in the waterfall's own measure."""

    steps: float | None
    """Steps of one run; None where nobody knows them: then a run counts as the unit."""

    @property
    def unit(self) -> str:
        """What a time is a time of."""
        return "ms per run" if self.steps is None else "ms per step"

    def of_run(self, run_seconds: float) -> float:
        """Milliseconds per step (or per run) of a run of ``run_seconds``."""
        return run_seconds * 1000 / (self.steps or 1)

    def of(self, variant: Variant | None) -> float | None:
        """Milliseconds per step of a variant's median run; None where it was not timed."""
        return None if variant is None or variant.timing is None else self.of_run(variant.timing.median)


def before_and_after(result: AuditResult) -> tuple[float | None, float | None]:
    """Milliseconds per step of the baseline and of the chosen variant.

    The waterfall's figures go first: they carry no drift between the two variants, so that their ratio is the speed-up.
    """
    bars = {bar.variant: bar.ms_per_step for bar in result.waterfall}
    times, start, chosen = step_times(result), baseline(result), candidate(result)
    before = None if start is None else bars.get(start.id, times.of(start))
    after = None if chosen is None else bars.get(chosen.id, times.of(chosen))
    return before, after


def step_times(result: AuditResult) -> StepTimes:
    """The number of steps that a run is divided by: the waterfall's where there is one, else the target's."""
    start = baseline(result)
    if result.waterfall and start is not None and start.timing is not None and result.waterfall[0].ms_per_step > 0:
        return StepTimes(start.timing.median * 1000 / result.waterfall[0].ms_per_step)
    return StepTimes(result.target.steps or None)


def variant_by_id(result: AuditResult, variant_id: str | None) -> Variant | None:
    """The variant of that id, if it is there."""
    return next((variant for variant in result.variants if variant.id == variant_id), None)


def baseline(result: AuditResult) -> Variant | None:
    """The target as it is: the one that the comparison names, else the first."""
    if result.comparison is not None:
        return variant_by_id(result, result.comparison.baseline)
    return result.variants[0] if result.variants else None


def candidate(result: AuditResult) -> Variant | None:
    """The chosen variant; None where no set of fixes was shown to win, or nothing was compared."""
    return None if result.comparison is None else variant_by_id(result, result.comparison.candidate)
