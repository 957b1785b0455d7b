"""Sampled stacks merged into a tree, and cut to what can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sdprof.model import StackSamples

MOST_FRAMES = 700
DEEPEST = 100
LEAST_SHARE = 0.0008
"""About one pixel of a wide screen."""


@dataclass
class FrameNode:
    """A frame under its callers."""

    name: str
    samples: int = 0
    self_samples: int = 0
    children: dict[str, FrameNode] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedFrame:
    """A frame's rectangle: from ``start``, ``width`` wide, both shares of the whole, in row ``depth`` from 0."""

    name: str
    samples: int
    start: float
    width: float
    depth: int
    other_samples: int | None = None
    """Samples of the same frame under the same callers in the tree it is compared with; None without such a tree."""


@dataclass(frozen=True)
class FrameLayout:
    """What is drawn, and what is not."""

    frames: tuple[PlacedFrame, ...]
    folded: tuple[str, ...]
    """Outer frames that every sample shares, the outermost first."""
    samples: int
    hidden_frames: int
    """Frames too narrow (or too deep) to draw."""


def merge(stacks: StackSamples) -> FrameNode:
    """The tree of all stacks under a nameless root."""
    root = FrameNode("")
    for frames, count in stacks.stacks:
        if count <= 0:
            continue
        root.samples += count
        node = root
        for frame in frames:
            child = node.children.get(frame)
            if child is None:
                child = node.children[frame] = FrameNode(frame)
            child.samples += count
            node = child
        node.self_samples += count
    return root


def lay_out(root: FrameNode, other: FrameNode | None = None) -> FrameLayout:
    """Place the widest frames; callers above, the costliest callee first.

    :param other: the tree to compare with, frame by frame.
    """
    folded: list[str] = []
    top, counterpart = root, other
    while len(top.children) == 1 and not top.self_samples:
        (only,) = top.children.values()
        if not only.children:
            break
        if top.name:
            folded.append(top.name)
        top, counterpart = only, None if counterpart is None else counterpart.children.get(only.name)
    total = max(root.samples, 1)
    placed = list(_walk(top, total, counterpart, compared=other is not None))
    threshold = (
        sorted((frame.samples for frame in placed), reverse=True)[MOST_FRAMES - 1] if len(placed) > MOST_FRAMES else 0
    )
    # A child is never wider than its parent, so cutting by width alone leaves no orphan above it.
    kept = tuple(frame for frame in placed if frame.samples > threshold) if threshold else tuple(placed)
    return FrameLayout(kept, tuple(folded), root.samples, _count(top) - len(kept))


def self_times(root: FrameNode) -> list[tuple[str, int]]:
    """Samples in which a frame was the innermost one, over all its callers, the most first."""
    totals: dict[str, int] = {}
    for node in _nodes(root):
        if node.self_samples:
            totals[node.name] = totals.get(node.name, 0) + node.self_samples
    return sorted(totals.items(), key=lambda entry: -entry[1])


def _walk(top: FrameNode, total: int, counterpart: FrameNode | None, *, compared: bool) -> Iterator[PlacedFrame]:
    waiting = [(top, counterpart, 0.0, 0)]
    while waiting:
        node, twin, start, depth = waiting.pop()
        width = node.samples / total
        if width < LEAST_SHARE or depth >= DEEPEST:
            continue
        if node.name:
            other = None if not compared else 0 if twin is None else twin.samples
            yield PlacedFrame(node.name, node.samples, start, width, depth, other)
        for child in sorted(node.children.values(), key=lambda child: -child.samples):
            child_twin = None if twin is None else twin.children.get(child.name)
            waiting.append((child, child_twin, start, depth + (1 if node.name else 0)))
            start += child.samples / total


def _nodes(root: FrameNode) -> Iterator[FrameNode]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children.values())
        yield node


def _count(top: FrameNode) -> int:
    return sum(1 for node in _nodes(top) if node.name)
