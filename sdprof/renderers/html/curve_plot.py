"""Curves over a continuous axis: memory inside a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sdprof.renderers.html.axis import Axis, axis
from sdprof.renderers.html.svg import drawing, element, line, percent, text

HEIGHT = 220
TOP, BOTTOM = 14.0, 190.0
WIDTH = 1000
"""Inner coordinates of the curves, which stretch with the page."""


@dataclass(frozen=True)
class Curve:
    """A line through its points, by rising x."""

    name: str
    css_class: str
    points: Sequence[tuple[float, float]]


def curve_plot(
    curves: Sequence[Curve],
    *,
    label: str,
    write_x: Callable[[float], str],
    write_y: Callable[[float], str],
    unit: float = 1.0,
) -> Markup:
    """Stepped lines in one chart: a value holds until the next.

    :param unit: in what the vertical axis has round values.
    """
    last = max((x for curve in curves for x, _ in curve.points), default=1.0) or 1.0
    down = axis([y for curve in curves for _, y in curve.points], BOTTOM, TOP, from_zero=True)
    ticks = down.ticks(4, unit)
    grid = [line("0%", down.at(tick), "100%", down.at(tick), "grid") for tick in ticks]
    along = Axis(0.0, last, 0.0, 1.0)
    feet = [
        text(percent(along.at(tick)), HEIGHT - 12, write_x(tick), "tick", "start" if tick == 0 else "middle")
        for tick in along.ticks(4)
        if along.at(tick) < 0.97
    ]
    # A drawing of its own that stretches: percent is not allowed in paths.
    inner = element(
        "svg",
        {"width": "100%", "height": HEIGHT, "viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none"},
        *(_path(curve, last, down.at) for curve in curves),
    )
    plot = drawing(HEIGHT, label, *grid, inner, *feet, css_class="chart series")
    scale = element(
        "svg",
        {"class": "chart scale", "width": 72, "height": HEIGHT, "aria-hidden": "true"},
        *(text("92%", down.at(tick) + 4, write_y(tick), "tick", "end") for tick in ticks),
    )
    return Markup('<div class="plot">{}{}</div>').format(scale, plot)


def _path(curve: Curve, last: float, down: Callable[[float], float]) -> Markup:
    steps: list[str] = []
    for x, y in curve.points:
        across, height = round(x / last * WIDTH, 1), round(down(y), 1)
        steps.append(f"M{across} {height}" if not steps else f"H{across}V{height}")
    attributes = {"d": "".join(steps), "class": f"curve {curve.css_class}", "vector-effect": "non-scaling-stroke"}
    return element("path", attributes, element("title", {}, curve.name))
