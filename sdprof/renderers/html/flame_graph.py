"""Flame graphs: callers above, callees below, width is time. The page's script adds zoom, search and difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, StackSamples
from sdprof.renderers import step_time
from sdprof.renderers.html.frame_kinds import FrameKind, file_of, own_source, split_frame
from sdprof.renderers.html.frame_tree import PlacedFrame, lay_out, merge, self_times
from sdprof.renderers.html.svg import Attribute, element
from sdprof.renderers.printable import one_line, printable

ROW_HEIGHT = 19
LEAST_LABELLED_SHARE = 0.012
MOST_SELF_TIMES = 12
CHANGES = (0.003, 0.02, 0.1)
"""Of the longer step: from here on a frame counts as changed a little, clearly, and much."""

Side = Literal["before", "after"]


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

    side: Side
    drawing: Markup
    samples: int
    rate_hz: int
    compared: bool
    """Frames know what they take on the other side."""
    folded: tuple[str, ...]
    hidden_frames: int
    self_times: tuple[SelfTime, ...]


@dataclass(frozen=True)
class StepShare:
    """Turns samples of both sides into milliseconds of a step: the measured step time by the share of samples."""

    own: float
    """Milliseconds a sample stands for; so is ``other``, on the other side."""
    other: float


def flame_graphs(result: AuditResult) -> tuple[FlameGraph, ...]:
    """The stacks of an audit, before and after; without those that were not sampled."""
    before, after = _sampled(result.hot_stacks), _sampled(result.hot_stacks_after)
    before_ms, after_ms = step_time.before_and_after(result)
    graphs = []
    for side, own, other, own_ms, other_ms in (
        ("before", before, after, before_ms, after_ms),
        ("after", after, before, after_ms, before_ms),
    ):
        if own is not None:
            shares = None
            if other is not None and own_ms is not None and other_ms is not None:
                shares = StepShare(own_ms / _total(own), other_ms / _total(other))
            graphs.append(_flame_graph(result, "before" if side == "before" else "after", own, other, shares))
    return tuple(graphs)


def _sampled(stacks: StackSamples | None) -> StackSamples | None:
    return stacks if stacks is not None and any(count > 0 and frames for frames, count in stacks.stacks) else None


def _total(stacks: StackSamples) -> int:
    return sum(count for _, count in stacks.stacks if count > 0)


def _flame_graph(
    result: AuditResult, side: Side, stacks: StackSamples, other: StackSamples | None, shares: StepShare | None
) -> FlameGraph:
    own = own_source(result)
    root = merge(stacks)
    layout = lay_out(root, merge(other) if other is not None and shares is not None else None)
    kinds: dict[str, FrameKind] = {}

    def kind(name: str) -> FrameKind:
        if name not in kinds:
            kinds[name] = own.kind(file_of(split_frame(name)[1]))
        return kinds[name]

    rows = max((frame.depth for frame in layout.frames), default=0) + 1
    others = 0 if other is None else _total(other)
    whole_ms = None if shares is None else max(shares.own * layout.samples, shares.other * others)
    drawn = [_frame(frame, kind(frame.name), side, shares, whole_ms) for frame in layout.frames]
    attributes: dict[str, Attribute] = {"class": "flame", "width": "100%", "height": rows * ROW_HEIGHT, "role": "img"}
    label = f"Flame graph {side}: {quantities.count(layout.samples)} samples"
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
        side=side,
        drawing=element("svg", {**attributes, "aria-label": label}, *drawn),
        samples=layout.samples,
        rate_hz=stacks.rate_hz,
        compared=shares is not None,
        folded=tuple(printable(name) for name in layout.folded),
        hidden_frames=layout.hidden_frames,
        self_times=tuple(innermost),
    )


def _frame(frame: PlacedFrame, kind: FrameKind, side: Side, shares: StepShare | None, whole_ms: float | None) -> Markup:
    # A nested drawing clips its label at its own edge: no measuring of text, and it holds at every width.
    name = one_line(frame.name, 160)
    share = quantities.share(frame.width)
    function, where = split_frame(frame.name)
    label = one_line(f"{function}  {where.rpartition('/')[2]}", 80)
    told, css_class = f"{name}\n{share}, {quantities.count(frame.samples)} samples", str(kind)
    if shares is not None and whole_ms and frame.other_samples is not None:
        own_ms, other_ms = frame.samples * shares.own, frame.other_samples * shares.other
        before, after = (own_ms, other_ms) if side == "before" else (other_ms, own_ms)
        told += f"; a step: {quantities.milliseconds(before)} before, {quantities.milliseconds(after)} after"
        css_class += f" {change_class((after - before) / whole_ms)}"
    box: dict[str, Attribute] = {
        "class": css_class,
        "x": f"{frame.start * 100:.3f}%",
        "y": frame.depth * ROW_HEIGHT,
        "width": f"{frame.width * 100:.3f}%",
    }
    parts = [
        element("title", {}, told),
        element("rect", {"width": "100%", "height": ROW_HEIGHT - 1}),
    ]
    if frame.width >= LEAST_LABELLED_SHARE:
        parts.append(element("text", {"x": 4, "y": 13}, label))
    return element("svg", {**box, "height": ROW_HEIGHT - 1}, *parts)


def change_class(change: float) -> str:
    """The CSS class for a change of a frame's time, as a share of the longer step: less3 … same … more3."""
    size = sum(abs(change) >= threshold for threshold in CHANGES)
    return "same" if size == 0 else f"{'less' if change < 0 else 'more'}{size}"
