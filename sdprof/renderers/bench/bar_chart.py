"""The article's bar chart: seconds of each configuration, the published ones beside them where there are any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sdprof.quantities import number
from sdprof.renderers.html.axis import axis
from sdprof.renderers.html.svg import Attribute, drawing, element, line, percent, text

HEIGHT, TOP, FLOOR = 260, 22.0, 214.0
LEFT, RIGHT = 0.06, 0.99


@dataclass(frozen=True)
class Bar:
    """One configuration."""

    id: str
    label: str
    seconds: float | None
    """None where it is not available."""
    low: float | None = None
    high: float | None = None
    published: float | None = None


def bar_chart(bars: Sequence[Bar], label: str) -> Markup:
    """Bars from zero, with the interval of the median as a whisker."""
    values = [value for bar in bars for value in (bar.seconds, bar.high, bar.published) if value is not None]
    down = axis(values, FLOOR, TOP, from_zero=True)
    slot = (RIGHT - LEFT) / max(len(bars), 1)
    marks: list[Markup] = []
    for tick in down.ticks(4):
        marks.append(line(percent(LEFT), down.at(tick), percent(RIGHT), down.at(tick), "grid"))
        marks.append(text(percent(LEFT - 0.008), down.at(tick) + 4, f"{number(tick)} s", "tick", "end"))
    for index, bar in enumerate(bars):
        left = LEFT + index * slot
        two = bar.published is not None
        width = slot * (0.32 if two else 0.6)
        own = left + slot * (0.16 if two else 0.2)
        if bar.seconds is None:
            marks.append(text(percent(left + slot / 2), FLOOR - 8, "not available", "tick", "middle"))
        else:
            marks.append(_bar(own, width, bar.seconds, down.at, "own", f"{bar.label}: {number(bar.seconds)} s"))
            if bar.low is not None and bar.high is not None:
                middle = percent(own + width / 2)
                marks.append(line(middle, down.at(bar.low), middle, down.at(bar.high), "whisker"))
            above = down.at(bar.high if bar.high is not None else bar.seconds) - 6
            marks.append(text(percent(own + width / 2), above, f"{number(bar.seconds)}", "value", "middle"))
        if bar.published is not None:
            beside = own + width + slot * 0.04
            title = f"{bar.label}, published: {number(bar.published)} s"
            marks.append(_bar(beside, width, bar.published, down.at, "published", title))
        marks.append(text(percent(left + slot / 2), FLOOR + 18, bar.id, "foot", "middle"))
    return drawing(HEIGHT, label, *marks, css_class="chart bench")


def _bar(left: float, width: float, seconds: float, at: Callable[[float], float], css_class: str, title: str) -> Markup:
    top = at(seconds)
    attributes: dict[str, Attribute] = {
        "x": percent(left),
        "y": top,
        "width": percent(width),
        "height": FLOOR - top,
        "class": css_class,
    }
    return element("rect", attributes, element("title", {}, title))
