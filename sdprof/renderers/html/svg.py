"""SVG by hand: elements whose attributes and texts are escaped, in coordinates that need no scaling.

Charts place things by percent across and by pixels down, so that text keeps its size at every width. No element has a
``style`` attribute: the page's Content-Security-Policy forbids them.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape

from sdprof.renderers.printable import printable

Attribute = str | int | float | None


def element(tag: str, attributes: Mapping[str, Attribute], *children: Markup | str) -> Markup:
    """One element; attributes that are None are left out, numbers get at most two decimals."""
    written = "".join(f' {name}="{_value(value)}"' for name, value in attributes.items() if value is not None)
    if not children:
        return Markup(f"<{tag}{written}/>")  # noqa: S704 - tag and names are ours, values are escaped
    return Markup(f"<{tag}{written}>{''.join(map(_child, children))}</{tag}>")  # noqa: S704


def drawing(height: float, label: str, *children: Markup, css_class: str = "chart") -> Markup:
    """A chart as wide as its container and ``height`` pixels high, with its text for those who cannot see it."""
    attributes: dict[str, Attribute] = {
        "class": css_class,
        "width": "100%",
        "height": height,
        "role": "img",
        "aria-label": label,
    }
    return element("svg", attributes, *children)


def text(x: str | float, y: float, content: str, css_class: str = "", anchor: str | None = None) -> Markup:
    """A text at its baseline."""
    return element("text", {"x": x, "y": y, "class": css_class or None, "text-anchor": anchor}, content)


def line(x1: str, y1: float, x2: str, y2: float, css_class: str) -> Markup:
    """A straight line."""
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": css_class})


def percent(fraction: float) -> str:
    """A coordinate: 0.1234 is 12.34%."""
    return f"{fraction * 100:.2f}%"


def _child(child: Markup | str) -> str:
    return child if isinstance(child, Markup) else escape(printable(child))


def _value(value: Attribute) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(escape(printable(str(value))))
