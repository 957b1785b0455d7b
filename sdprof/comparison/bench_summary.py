"""What the rounds of a bench say: medians, improvements paired by round, and signs of an unsteady machine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from sdprof.comparison.median_interval import median_interval
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.steadiness import far_from_median, unsteadiness
from sdprof.comparison.verdict import judge
from sdprof.model import Interval
from sdprof.model.bench import CONTROL_ENTRY, Entry, RoundConditions, Row, Series, Summary

BUSY_CORES = 0.5
"""More of other programs than this shows in the rounds."""
CLOCK_SHARE = 0.05
HEATING_CELSIUS = 10.0


def summarise(series: Series) -> Summary:
    """Medians with their intervals, and every configuration against the reference, round by round."""
    times = RoundTimes(series.runs)
    reference, note = reference_of(series.entries, series.wanted_reference)
    ids = tuple(entry.configuration.id for entry in series.entries if not entry.not_available)
    if reference is None:
        return Summary(reference=None, reference_note=note, rows=(), control=None, flags=())
    control = times.pairs(reference, CONTROL_ENTRY).interval()
    rows = tuple(_row(times, each, reference, control) for each in ids)
    flags = unsteadiness(
        times,
        baseline=reference,
        control=CONTROL_ENTRY if times.seconds(CONTROL_ENTRY) else None,
        candidates=tuple(each for each in ids if each != reference),
    )
    return Summary(
        reference=reference,
        reference_note=note,
        rows=rows,
        control=control,
        flags=(*flags, *unsteady_conditions(series.conditions)),
    )


def reference_of(entries: Sequence[Entry], wanted: str) -> tuple[str | None, str]:
    """What all others are compared with, and a sentence about it: the configuration wanted, or the first that ran."""
    available = [entry.configuration for entry in entries if not entry.not_available]
    if not available:
        return None, "No configuration ran, so there is nothing to compare."
    for each in available:
        if each.id == wanted:
            return each.id, f"Compared with {each.id}, {each.label}."
    missing = [entry.configuration for entry in entries if entry.configuration.id == wanted]
    wanted_label = f"{wanted}, {missing[0].label}," if missing else wanted
    return available[0].id, (
        f"Compared with {available[0].id}, {available[0].label}: {wanted_label} is not available here, so these "
        "improvements are not those of a table whose reference it is."
    )


def unsteady_conditions(conditions: Sequence[RoundConditions]) -> tuple[str, ...]:
    """A sentence for each thing that was not the same in all rounds."""
    flags = []
    busy = [each.other_busy_cores for each in conditions if each.other_busy_cores is not None]
    disturbed = [value for value in busy if value > BUSY_CORES]
    if disturbed:
        flags.append(
            f"Before {len(disturbed)} of {len(busy)} rounds other programs kept up to {max(disturbed):.1f} cores busy."
        )
    for what, unit, values in (
        ("processor's clock", "MHz", [each.cpu_mhz for each in conditions]),
        ("GPU's clock", "MHz", [each.gpu_mhz for each in conditions]),
    ):
        known = [value for value in values if value]
        if known and max(known) / min(known) > 1 + CLOCK_SHARE:
            flags.append(f"The {what} changed between {min(known):.0f} and {max(known):.0f} {unit}.")
    heat = [each.gpu_celsius for each in conditions if each.gpu_celsius is not None]
    if heat and max(heat) - heat[0] > HEATING_CELSIUS:
        flags.append(f"The GPU became warmer while it measured, from {heat[0]:.0f} to {max(heat):.0f} °C.")
    reasons = sorted({each.gpu_throttled for each in conditions if each.gpu_throttled})
    if reasons:
        flags.append(f"The driver lowered the GPU's clock: {', '.join(reasons)}.")
    return tuple(flags)


def _row(times: RoundTimes, entry: str, reference: str, control: Interval | None) -> Row:
    seconds = times.seconds(entry)
    by_round = [(run.round, run.seconds) for run in times.runs if run.entry == entry and run.seconds is not None]
    interval = median_interval(seconds)
    speedup, judgement = None, None
    if entry != reference:
        pairs = times.pairs(reference, entry)
        speedup = pairs.interval()
        judgement = judge(speedup, control, rounds=len(pairs.rounds))
    return Row(
        id=entry,
        rounds=len(seconds),
        failed=len(times.failures(entry)),
        median_seconds=median(seconds) if seconds else None,
        low_seconds=interval[1] if interval else None,
        high_seconds=interval[2] if interval else None,
        speedup=speedup,
        verdict=judgement.verdict if judgement else None,
        explanation=judgement.explanation if judgement else "",
        outlier_rounds=_outlier_rounds(by_round),
    )


def _outlier_rounds(by_round: Sequence[tuple[int, float]]) -> tuple[int, ...]:
    log_seconds = np.log(np.asarray([seconds for _, seconds in by_round], dtype=np.float64))
    far = far_from_median(log_seconds)
    middle = np.median(log_seconds) if log_seconds.size else 0.0
    return tuple(
        round for (round, _), value in zip(by_round, log_seconds, strict=True) if np.isin(value - middle, far).any()
    )
