"""What there is to doubt the result with: every variant's interval, every round, and the A/A control."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, Interval, Variant
from sdprof.renderers import step_time
from sdprof.renderers.html import interval_plot
from sdprof.renderers.html.interval_plot import IntervalRow, Tone
from sdprof.renderers.html.series_plot import Series, series_plot
from sdprof.renderers.round_ratios import control_variant, round_ratios, seconds_by_round

MOST_VARIANTS = 24
MOST_ROUNDS = 60
"""Columns of the table of rounds; audit.json has them all."""


@dataclass(frozen=True)
class VariantRow:
    """A variant in the table of all that was tried."""

    label: str
    variant: Variant | None
    """None for a control that has no timings of its own."""
    ms: float | None
    interval: Interval | None
    strip: Markup
    role: str
    """baseline, control, chosen, or empty."""


@dataclass(frozen=True)
class RoundTable:
    """The chart of rounds in figures."""

    numbers: tuple[int, ...]
    """Rounds, counted from 0."""
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    """A variant and its time in each round, in the unit of the measurement; None where it has none."""


@dataclass(frozen=True)
class Measurement:
    """All charts of the comparison."""

    figure: Markup | None
    """The chosen variant's interval beside the control: the picture of how sure."""
    scale: Markup | None
    rows: tuple[VariantRow, ...]
    hidden_variants: int
    rounds: Markup | None
    """Time by round, all variants."""
    round_table: RoundTable | None
    unit: str


def measurement(result: AuditResult) -> Measurement:
    """Draw what a comparison measured; charts that have no data are None."""
    comparison = result.comparison
    control = None if comparison is None else comparison.control
    series = _series(result)
    entries = [_entry(result, variant) for variant in result.variants[:MOST_VARIANTS]]
    axis = interval_plot.ratio_axis([row for _, _, row in entries], control)
    rows = tuple(
        VariantRow(
            label=variant.label or variant.id,
            variant=variant,
            ms=step_time.step_times(result).of(variant),
            interval=row.interval,
            strip=interval_plot.interval_strip(row, axis, control, _strip_label(row)),
            role=role,
        )
        for variant, role, row in entries
    )
    return Measurement(
        figure=_figure(result),
        scale=interval_plot.interval_scale(axis) if any(row.interval for row in rows) else None,
        rows=rows,
        hidden_variants=max(len(result.variants) - MOST_VARIANTS, 0),
        rounds=_rounds(result, series),
        round_table=_round_table(series),
        unit=step_time.step_times(result).unit,
    )


def _role(result: AuditResult, variant: Variant) -> str:
    for role, one in (
        ("baseline", step_time.baseline(result)),
        ("control", control_variant(result)),
        ("chosen", step_time.candidate(result)),
    ):
        if one is not None and one.id == variant.id:
            return role
    return ""


def _entry(result: AuditResult, variant: Variant) -> tuple[Variant, str, IntervalRow]:
    role = _role(result, variant)
    interval = variant.speedup
    if role == "control" and interval is None and result.comparison is not None:
        interval = result.comparison.control
    dots = () if role == "baseline" else round_ratios(result, variant)
    return variant, role, IntervalRow(None if role == "baseline" else interval, _tone(role, interval), dots)


def _tone(role: str, interval: Interval | None) -> Tone:
    if role in ("control", "baseline"):
        return "control"
    if interval is None or interval.low <= 1 <= interval.high:
        return "unsure"
    return "good" if interval.low > 1 else "bad"


def _figure(result: AuditResult) -> Markup | None:
    comparison = result.comparison
    if comparison is None or comparison.speedup is None:
        return None
    chosen = step_time.candidate(result)
    dots = () if chosen is None else round_ratios(result, chosen)
    tone: Tone = "good" if comparison.verdict == "faster" else "bad" if comparison.verdict == "slower" else "unsure"
    label = f"Speed-up {quantities.times(comparison.speedup)}, 95% interval {quantities.bounds(comparison.speedup)}"
    if comparison.control is not None:
        label += f"; A/A control {quantities.bounds(comparison.control)}"
    return interval_plot.interval_figure(IntervalRow(comparison.speedup, tone, dots), comparison.control, label)


def _strip_label(row: IntervalRow) -> str:
    if row.interval is None:
        return "No interval"
    return f"{quantities.times(row.interval)}, 95% interval {quantities.bounds(row.interval)}, {len(row.dots)} rounds"


def _series(result: AuditResult) -> tuple[Series, ...]:
    """A line for each variant that has rounds, in the order of the variants."""
    times = step_time.step_times(result)
    css = {"baseline": "before", "control": "control", "chosen": "after"}
    lines = (
        Series(
            variant.label or variant.id,
            css.get(_role(result, variant), "other"),
            {number: times.of_run(taken) for number, taken in seconds_by_round(result, variant).items()},
        )
        for variant in result.variants[:MOST_VARIANTS]
    )
    return tuple(one for one in lines if one.values)


def _rounds(result: AuditResult, series: tuple[Series, ...]) -> Markup | None:
    if not series:
        return None
    drawn = sorted(series, key=lambda one: ("other", "control", "before", "after").index(one.css_class))
    label = f"{step_time.step_times(result).unit} in each round, for {quantities.counted(len(drawn), 'variant')}"
    return series_plot(drawn, label=label, write=quantities.milliseconds, counted="round")


def _round_table(series: tuple[Series, ...]) -> RoundTable | None:
    if not series:
        return None
    numbers = tuple(sorted({number for one in series for number in one.values}))[:MOST_ROUNDS]
    return RoundTable(numbers, tuple((one.name, tuple(map(one.values.get, numbers))) for one in series))
