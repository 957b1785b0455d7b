"""The steps of a run as a row of cells: filled where something happened."""

from __future__ import annotations

from markupsafe import Markup

from sdprof.model import TransferSite
from sdprof.renderers.html.svg import element, percent

MOST_CELLS = 60
HEIGHT = 10


def step_strip(site: TransferSite | None, steps: int, side: str) -> Markup:
    """One cell a step; several steps share one where there are too many.

    :param side: before or after: the colour.
    """
    cells = min(max(steps, 1), MOST_CELLS)
    seen = {
        min(step * cells // max(steps, 1), cells - 1) for step in (site.steps if site is not None else ()) if step >= 0
    }
    width = 1 / cells
    boxes = [
        element(
            "rect",
            {
                "x": percent(cell * width),
                "width": percent(width * 0.82),
                "height": HEIGHT,
                "rx": 1,
                "class": f"cell {side}" if cell in seen else "cell none",
            },
        )
        for cell in range(cells)
    ]
    label = f"{side}: in {len(set(site.steps)) if site is not None else 0} of {steps} steps"
    return element(
        "svg",
        {"class": "strip-steps", "width": "100%", "height": HEIGHT, "role": "img", "aria-label": label},
        *boxes,
    )
