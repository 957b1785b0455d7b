"""Lines over a counted axis: times by round, memory by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from sdprof.renderers.html.axis import axis
from sdprof.renderers.html.svg import drawing, element, line, percent, text

HEIGHT = 220
TOP, BOTTOM = 14.0, 190.0
LEFT, RIGHT = 0.02, 0.985
RIGHT_OF_NAMED = 0.93
NAME_HEIGHT = 11.0
MOST_LABELS = 12
MOST_POINTS = 400


@dataclass(frozen=True)
class Series:
    """A line: its place on the counted axis (from 0) to its value."""

    name: str
    css_class: str
    """before, after, control or other."""
    values: Mapping[int, float]
    short: str = ""
    """What stands beside its last point, where lines are named there."""


def series_plot(
    series: Sequence[Series],
    *,
    label: str,
    write: Callable[[float], str],
    counted: str,
    unit: float = 1.0,
    named: bool = False,
) -> Markup:
    """The lines in one chart that begins at zero, each point with a tooltip.

    :param write: turns a value into text with its unit.
    :param counted: what the horizontal axis counts: round, step.
    :param unit: in what the vertical axis has round values.
    :param named: whether each line has its name beside its last point, as more lines than colours need.
    """
    shown = [line_of for line_of in series if line_of.values]
    numbers = [number for one in shown for number in one.values]
    values = [value for one in shown for value in one.values.values()]
    first, last = min(numbers, default=0), max(numbers, default=0)

    right = RIGHT_OF_NAMED if named else RIGHT

    def across(number: int) -> float:
        return LEFT + (right - LEFT) * ((number - first) / (last - first) if last > first else 0.5)

    down = axis(values, BOTTOM, TOP, from_zero=True)
    ticks = down.ticks(4, unit)
    grid = [line("0%", down.at(tick), "100%", down.at(tick), "grid") for tick in ticks]
    spread = max(-(-(last - first + 1) // MOST_LABELS), 1)
    feet = [
        text(percent(across(number)), HEIGHT - 12, str(number + 1), "tick", "middle")
        for number in range(first, last + 1, spread)
    ]
    lines = [_line(one, across, down.at, write, counted) for one in shown]
    names = _names(shown, down.at) if named else []
    plot = drawing(HEIGHT, label, *grid, *lines, *names, *feet, css_class="chart series")
    scale = element(
        "svg",
        {"class": "chart scale", "width": 72, "height": HEIGHT, "aria-hidden": "true"},
        *(text("92%", down.at(tick) + 4, write(tick), "tick", "end") for tick in ticks),
    )
    return Markup('<div class="plot">{}{}</div>').format(scale, plot)


def _names(series: Sequence[Series], down: Callable[[float], float]) -> list[Markup]:
    """Each name as near to its line's last point as the others leave it room."""
    last = sorted(((down(one.values[max(one.values)]), one) for one in series), key=lambda pair: pair[0])
    top = TOP
    names = []
    for left, (wanted, one) in zip(range(len(last), 0, -1), last, strict=True):
        y = min(max(wanted, top), BOTTOM - (left - 1) * NAME_HEIGHT)
        top = y + NAME_HEIGHT
        names.append(text(percent(RIGHT_OF_NAMED + 0.012), y + 4, one.short or one.name, "tick"))
    return names


def _line(
    series: Series,
    across: Callable[[int], float],
    down: Callable[[float], float],
    write: Callable[[float], str],
    counted: str,
) -> Markup:
    points = sorted(series.values.items())
    points = points[:: max(-(-len(points) // MOST_POINTS), 1)]
    strokes = [
        line(percent(across(a)), down(value_a), percent(across(b)), down(value_b), "stroke")
        for (a, value_a), (b, value_b) in pairwise(points)
    ]
    dots = [
        element(
            "circle",
            {"cx": percent(across(number)), "cy": down(value), "r": 3},
            element("title", {}, f"{series.name}, {counted} {number + 1}: {write(value)}"),
        )
        for number, value in points
    ]
    return element("g", {"class": f"line {series.css_class}"}, *strokes, *dots)
