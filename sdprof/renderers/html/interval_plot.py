"""Intervals of a speed-up on one scale, with single rounds as dots, and the A/A control as the band of doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from sdprof.model import Interval
from sdprof.renderers.html.axis import Axis, axis
from sdprof.renderers.html.svg import Attribute, drawing, element, line, percent, text

Tone = Literal["good", "bad", "unsure", "chosen", "control"]
LEFT, RIGHT = 0.03, 0.97
SCALE_HEIGHT = 26
MOST_DOTS = 60


@dataclass(frozen=True)
class IntervalRow:
    """One variant: its interval and the rounds behind it."""

    interval: Interval | None
    tone: Tone
    dots: tuple[float, ...] = ()


def ratio_axis(rows: list[IntervalRow], control: Interval | None) -> Axis:
    """The scale that holds every interval, every dot, and 1."""
    values = [1.0]
    for interval in (control, *(row.interval for row in rows)):
        values += [] if interval is None else [interval.low, interval.high]
    for row in rows:
        values += row.dots
    return axis(values, LEFT, RIGHT)


def interval_strip(row: IntervalRow, scale: Axis, control: Interval | None, label: str, *, height: int = 28) -> Markup:
    """One strip, to stand in a row of a table."""
    return drawing(
        height, label, *_band(scale, control, height), *_marks(row, scale, height / 2), css_class="chart strip"
    )


def interval_scale(scale: Axis) -> Markup:
    """The ticks that all strips of one scale share."""
    marks = [text(percent(scale.at(tick)), 16, f"{tick:g}×", "tick", "middle") for tick in scale.ticks(5)]
    return element(
        "svg", {"class": "chart strip", "width": "100%", "height": SCALE_HEIGHT, "aria-hidden": "true"}, *marks
    )


def interval_figure(row: IntervalRow, control: Interval | None, label: str) -> Markup:
    """One interval with its own scale: the picture of how sure."""
    scale = ratio_axis([row], control)
    marks = [text(percent(scale.at(tick)), 54, f"{tick:g}×", "tick", "middle") for tick in scale.ticks(3)]
    return drawing(60, label, *_band(scale, control, 40), *_marks(row, scale, 20), *marks, css_class="chart strip")


def _band(scale: Axis, control: Interval | None, height: float) -> list[Markup]:
    one = percent(scale.at(1))
    marks = [line(one, 0, one, height, "one")]
    if control is not None:
        low, high = scale.at(control.low), scale.at(control.high)
        box: dict[str, Attribute] = {
            "x": percent(low),
            "y": 0,
            "width": percent(max(high - low, 0.002)),
            "height": height,
            "class": "doubt",
        }
        marks.insert(0, element("rect", box))
    return marks


def _marks(row: IntervalRow, scale: Axis, middle: float) -> list[Markup]:
    dots = [
        element("circle", {"cx": percent(scale.at(dot)), "cy": middle, "r": 2.5, "class": "dot"})
        for dot in row.dots[:MOST_DOTS]
    ]
    if row.interval is None:
        return dots
    low, mid, high = (percent(scale.at(value)) for value in (row.interval.low, row.interval.median, row.interval.high))
    return [
        *dots,
        line(low, middle, high, middle, f"range {row.tone}"),
        line(low, middle - 5, low, middle + 5, f"end {row.tone}"),
        line(high, middle - 5, high, middle + 5, f"end {row.tone}"),
        element("circle", {"cx": mid, "cy": middle, "r": 5, "class": f"median {row.tone}"}),
    ]
