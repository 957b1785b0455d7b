"""The waterfall: the baseline, then one bar for each fix that was added, with what it took away."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, FixResult, Interval
from sdprof.renderers import step_time
from sdprof.renderers.html.svg import Attribute, drawing, element, line, percent

HEIGHT = 26
SCALE_MARGIN = 1.03


@dataclass(frozen=True)
class WaterfallRow:
    """One bar and its figures."""

    label: str
    fix: str | None
    bar: Markup
    ms: float
    saved_ms: float | None
    predicted_ms: float | None
    gain: Interval | None
    """Against the bar above."""
    speedup: Interval | None
    """Against the baseline."""
    chosen: bool


def waterfall_rows(result: AuditResult) -> tuple[WaterfallRow, ...]:
    """All bars on one scale that begins at zero."""
    bars = result.waterfall
    longest = max((max(bar.ms_per_step, bar.predicted_ms_per_step or 0.0) for bar in bars), default=0.0) * SCALE_MARGIN
    fixes = {fix.id: fix for fix in result.fixes}
    start, chosen = step_time.baseline(result), step_time.candidate(result)
    rows = []
    for number, bar in enumerate(bars):
        previous = bars[number - 1].ms_per_step if number else None
        added = (bar.fix or "").split(" + ")
        known = [fixes[each] for each in added if each in fixes]
        fix = next((each for each in known if each.gain_in_plan is not None), known[0] if known else None)
        baseline_label = start.label if start is not None and start.label else "As it is"
        rows.append(
            WaterfallRow(
                label=baseline_label if bar.fix is None else _label(fix, added),
                fix=bar.fix if fix is None else fix.id,
                bar=_bar(bar.ms_per_step, previous, bar.predicted_ms_per_step, longest or 1.0),
                ms=bar.ms_per_step,
                saved_ms=None if previous is None else previous - bar.ms_per_step,
                predicted_ms=bar.predicted_ms_per_step,
                gain=None if fix is None else fix.gain_in_plan,
                speedup=bar.speedup,
                chosen=chosen is not None and bar.variant == chosen.id,
            )
        )
    return tuple(rows)


def _label(fix: FixResult | None, added: list[str]) -> str:
    """A step may bring several fixes along, which were timed as one."""
    first = added[0] if fix is None else fix.title
    return first if len(added) == 1 else f"{first}, and {len(added) - 1} more"


def _bar(ms: float, previous: float | None, predicted: float | None, longest: float) -> Markup:
    left, right = min(ms, previous or ms) / longest, max(ms, previous or ms) / longest
    kind = "before" if previous is None else "after"
    parts = [element("rect", {"y": 4, "width": percent(ms / longest), "height": HEIGHT - 8, "rx": 2, "class": kind})]
    if previous is not None and right > left:
        change: dict[str, Attribute] = {
            "x": percent(left),
            "y": 4,
            "width": percent(right - left),
            "height": HEIGHT - 8,
            "rx": 2,
        }
        parts.append(element("rect", {**change, "class": "saved" if ms <= previous else "lost"}))
    if predicted is not None:
        place = percent(predicted / longest)
        parts.append(line(place, 0, place, HEIGHT, "predicted"))
    label = quantities.milliseconds(ms)
    if predicted is not None:
        label += f", predicted {quantities.milliseconds(predicted)}"
    return drawing(HEIGHT, label, *parts, css_class="chart waterfall")
