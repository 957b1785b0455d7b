"""One step as a line from left to right, with a mark where it copies or waits, before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from sdprof.model import Location, Transfers, TransferSection
from sdprof.renderers.html.svg import drawing, element, line, percent, text

KINDS = {"H2D": "host → device", "D2H": "device → host", "SYNC": "sync"}
LANE = 34
MARK = 11
FEET = 26
LEFT, RIGHT = 0.015, 0.985
"""Marks at both ends of a step stay whole."""


def step_timeline(transfers: Transfers | None, place: Callable[[Location], str]) -> Markup | None:
    """A lane for each kind that is seen in the loop; None where nobody noted when in a step it happens.

    :param place: writes a location in a few words.
    """
    if transfers is None:
        return None
    sides = [(name, side) for name, side in (("before", transfers.baseline), ("after", transfers.candidate)) if side]
    seen = {site.kind for _, side in sides for site in side.sites if site.moments}
    kinds = [kind for kind in KINDS if kind in seen]
    if not kinds:
        return None
    height = LANE * len(kinds) + FEET
    parts: list[Markup] = []
    for number, kind in enumerate(kinds):
        top = number * LANE
        parts.append(line(percent(LEFT), top + LANE, percent(RIGHT), top + LANE, "grid"))
        for row, (name, side) in enumerate(sides):
            parts += _marks(side, kind, name, top + 5 + row * (MARK + 2), place)
    for share, words, anchor in ((0.0, "hot module called", "start"), (0.5, "half", "middle"), (1.0, "again", "end")):
        parts.append(text(percent(_at(share)), height - 8, words, "tick", anchor))
    scale = element(
        "svg",
        {"class": "chart scale lanes", "width": 104, "height": height, "aria-hidden": "true"},
        *(text("95%", number * LANE + LANE / 2 + 5, KINDS[kind], "tick", "end") for number, kind in enumerate(kinds)),
    )
    label = "Where in a step it copies and waits: " + "; ".join(_told(side, kinds, name) for name, side in sides)
    return Markup('<div class="plot">{}{}</div>').format(
        scale, drawing(height, label, *parts, css_class="chart series timeline")
    )


def _marks(side: TransferSection, kind: str, name: str, top: float, place: Callable[[Location], str]) -> list[Markup]:
    return [
        element(
            "rect",
            {"x": percent(_at(moment)), "y": top, "width": 4, "height": MARK, "rx": 1, "class": f"cell {name}"},
            element("title", {}, f"{name}: {site.op} at {place(site.where)}, {moment:.0%} into the step"),
        )
        for site in side.sites
        if site.kind == kind
        for moment in site.moments
    ]


def _at(share: float) -> float:
    return LEFT + share * (RIGHT - LEFT)


def _told(side: TransferSection, kinds: Sequence[str], name: str) -> str:
    counts = {kind: sum(len(site.moments) for site in side.sites if site.kind == kind) for kind in kinds}
    return f"{name}: " + ", ".join(f"{KINDS[kind]} at {number} places" for kind, number in counts.items())
