"""The small horizontal bar beside a number in a table."""

from __future__ import annotations

from markupsafe import Markup

from sdprof.renderers.html.svg import element, percent


def share_bar(share: float | None, kind: str = "heat") -> Markup:
    """A bar filled to ``share`` (0 to 1); decoration, for the number stands beside it.

    :param kind: CSS class that gives the colour: heat, before, after, peak.
    """
    filled = min(max(share or 0.0, 0.0), 1.0)
    return element(
        "svg",
        {"class": f"bar {kind}", "width": "100%", "height": 8, "aria-hidden": "true"},
        element("rect", {"class": "track", "width": "100%", "height": 8, "rx": 2}),
        element("rect", {"class": "fill", "width": percent(filled), "height": 8, "rx": 2}),
    )
