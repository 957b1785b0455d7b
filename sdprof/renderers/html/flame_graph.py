"""The flame graph: callers above, callees below, width is time. A drawing; the page's script adds zoom and search."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sdprof.model import AuditResult
from sdprof.renderers import quantities
from sdprof.renderers.html.frame_kinds import FrameKind, file_of, own_source, split_frame
from sdprof.renderers.html.frame_tree import PlacedFrame, lay_out, merge, self_times
from sdprof.renderers.html.svg import Attribute, element
from sdprof.renderers.printable import one_line, printable

ROW_HEIGHT = 19
LEAST_LABELLED_SHARE = 0.012
MOST_SELF_TIMES = 12


@dataclass(frozen=True)
class SelfTime:
    """A function at which samples ended."""

    function: str
    place: str
    kind: FrameKind
    samples: int
    share: float


@dataclass(frozen=True)
class FlameGraph:
    """The drawing and its words."""

    drawing: Markup
    samples: int
    rate_hz: int
    folded: tuple[str, ...]
    hidden_frames: int
    self_times: tuple[SelfTime, ...]


def flame_graph(result: AuditResult) -> FlameGraph | None:
    """Draw the stacks of an audit; None where no stack was sampled."""
    if result.hot_stacks is None or not any(count > 0 and frames for frames, count in result.hot_stacks.stacks):
        return None
    own = own_source(result)
    root = merge(result.hot_stacks)
    layout = lay_out(root)
    kinds: dict[str, FrameKind] = {}

    def kind(name: str) -> FrameKind:
        if name not in kinds:
            kinds[name] = own.kind(file_of(split_frame(name)[1]))
        return kinds[name]

    rows = max((frame.depth for frame in layout.frames), default=0) + 1
    drawn = [_frame(frame, kind(frame.name)) for frame in layout.frames]
    attributes: dict[str, Attribute] = {"class": "flame", "width": "100%", "height": rows * ROW_HEIGHT, "role": "img"}
    label = f"Flame graph of {quantities.count(layout.samples)} samples"
    innermost = [
        SelfTime(
            function=printable(split_frame(name)[0]),
            place=printable(split_frame(name)[1]),
            kind=kind(name),
            samples=samples,
            share=samples / max(layout.samples, 1),
        )
        for name, samples in self_times(root)[:MOST_SELF_TIMES]
    ]
    return FlameGraph(
        drawing=element("svg", {**attributes, "aria-label": label}, *drawn),
        samples=layout.samples,
        rate_hz=result.hot_stacks.rate_hz,
        folded=tuple(printable(name) for name in layout.folded),
        hidden_frames=layout.hidden_frames,
        self_times=tuple(innermost),
    )


def _frame(frame: PlacedFrame, kind: FrameKind) -> Markup:
    # A nested drawing clips its label at its own edge: no measuring of text, and it holds at every width.
    name = one_line(frame.name, 160)
    share = quantities.share(frame.width)
    function, where = split_frame(frame.name)
    label = one_line(f"{function}  {where.rpartition('/')[2]}", 80)
    box: dict[str, Attribute] = {
        "class": kind,
        "x": f"{frame.start * 100:.3f}%",
        "y": frame.depth * ROW_HEIGHT,
        "width": f"{frame.width * 100:.3f}%",
    }
    parts = [
        element("title", {}, f"{name}\n{share}, {quantities.count(frame.samples)} samples"),
        element("rect", {"width": "100%", "height": ROW_HEIGHT - 1}),
    ]
    if frame.width >= LEAST_LABELLED_SHARE:
        parts.append(element("text", {"x": 4, "y": 13}, label))
    return element("svg", {**box, "height": ROW_HEIGHT - 1}, *parts)
