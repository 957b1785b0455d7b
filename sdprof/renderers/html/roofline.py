"""The roofline: what each module reaches, under what this machine can reach at all.

Williams, Waterman, Patterson: Roofline, an insightful visual performance model (CACM 52, 2009). Under the slope a
module waits for memory, under the flat part for arithmetic. Bytes are the least that a module moves, so its true
intensity lies further to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, HotModule, Peaks
from sdprof.renderers.html.log_axis import LogAxis, log_axis
from sdprof.renderers.html.svg import Attribute, drawing, element, line, percent, text

HEIGHT = 340
TOP, BOTTOM = 16.0, 300.0
LEFT, RIGHT = 0.01, 0.985
MOST_POINTS = 250


@dataclass(frozen=True)
class Point:
    """A leaf module: FLOPs per byte, and FLOP/s."""

    name: str
    class_name: str
    intensity: float
    reached: float
    share: float
    side: Literal["before", "after"]

    def of_roof(self, peaks: Peaks) -> float:
        """What it reaches of the roof above it, 0 to 1."""
        return self.reached / roof_at(self.intensity, peaks)


@dataclass(frozen=True)
class Roofline:
    """The plot and the modules that leave most on the table."""

    drawing: Markup
    points: tuple[Point, ...]
    """What is drawn, the largest share of the time first."""
    peaks: Peaks
    hidden: int
    sides: tuple[str, ...]


def roof_at(intensity: float, peaks: Peaks) -> float:
    """FLOP/s that this machine reaches at best at so many FLOPs per byte."""
    return min(peaks.gemm_flops_per_second, intensity * peaks.copy_bytes_per_second)


def roofline(result: AuditResult) -> Roofline | None:
    """None where no peak was measured, or no module has both FLOPs and bytes."""
    points = [*_points(result.hot_modules, "before"), *_points(result.hot_modules_after, "after")]
    points.sort(key=lambda point: -point.share)
    peaks = result.peaks
    if peaks is None or not points or peaks.gemm_flops_per_second <= 0 or peaks.copy_bytes_per_second <= 0:
        return None
    shown = points[:MOST_POINTS]
    ridge = peaks.gemm_flops_per_second / peaks.copy_bytes_per_second
    across = log_axis([*(point.intensity for point in shown), ridge], LEFT, RIGHT)
    down = log_axis([*(point.reached for point in shown), peaks.gemm_flops_per_second * 1.5], BOTTOM, TOP)
    label = f"Roofline of {len(shown)} modules under {quantities.flops(peaks.gemm_flops_per_second)}/s"
    parts = [*_grid(across, down), *_roof(across, down, peaks, ridge), *_dots(shown, across, down, peaks)]
    sides = tuple(side for side in ("before", "after") if any(point.side == side for point in shown))
    plot = drawing(HEIGHT, label, *parts, css_class="chart roofline series")
    drawn = Markup('<div class="plot">{}{}</div>').format(_scale(down), plot)
    return Roofline(drawn, tuple(shown), peaks, len(points) - len(shown), sides)


def _points(modules: tuple[HotModule, ...], side: Literal["before", "after"]) -> list[Point]:
    return [
        Point(
            name=module.name,
            class_name=module.class_name,
            intensity=module.flops / module.least_bytes,
            reached=module.flops / module.seconds,
            share=module.share,
            side=side,
        )
        for module in modules
        if module.least_bytes and module.least_bytes > 0 and module.flops > 0 and module.seconds > 0
    ]


def _grid(across: LogAxis, down: LogAxis) -> list[Markup]:
    parts: list[Markup] = []
    for tick in down.ticks():
        y = down.at(tick)
        parts.append(line(percent(LEFT), y, percent(RIGHT), y, "grid"))
    for tick in across.ticks():
        x = percent(across.at(tick))
        parts.append(line(x, TOP, x, BOTTOM, "grid"))
        anchor = "end" if tick == across.ticks()[-1] else "middle"
        parts.append(text(x, BOTTOM + 18, quantities.number(tick), "tick", anchor))
    parts.append(text(percent((LEFT + RIGHT) / 2), BOTTOM + 36, "FLOPs per byte", "tick", "middle"))
    return parts


def _scale(down: LogAxis) -> Markup:
    return element(
        "svg",
        {"class": "chart scale rates", "width": 84, "height": HEIGHT, "aria-hidden": "true"},
        *(text("92%", down.at(tick) + 4, f"{quantities.flops(tick)}/s", "tick", "end") for tick in down.ticks()),
    )


def _roof(across: LogAxis, down: LogAxis, peaks: Peaks, ridge: float) -> list[Markup]:
    left = 10.0**across.low
    corner, top = percent(across.at(ridge)), down.at(peaks.gemm_flops_per_second)
    slope = line(percent(across.at(left)), down.at(roof_at(left, peaks)), corner, top, "roof")
    flat = line(corner, top, percent(RIGHT), top, "roof")
    return [slope, flat]


def _dots(points: list[Point], across: LogAxis, down: LogAxis, peaks: Peaks) -> list[Markup]:
    dots = []
    for point in sorted(points, key=lambda one: -one.share):
        told = (
            f"{point.name} ({point.class_name}), {point.side}\n{quantities.flops(point.reached)}/s, "
            f"{quantities.share(point.of_roof(peaks))} of its roof, {quantities.share(point.share)} of the time"
        )
        place: dict[str, Attribute] = {
            "cx": percent(across.at(point.intensity)),
            "cy": down.at(point.reached),
            "r": round(min(3 + 40 * max(point.share, 0.0) ** 0.5 / 2, 16), 1),
            "class": f"dot {point.side}",
        }
        dots.append(element("circle", place, element("title", {}, told)))
    return dots
