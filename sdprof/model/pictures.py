"""What audit.json carries so that a report can draw it: small pictures of outputs, and memory inside a step."""

from __future__ import annotations

from typing import Literal

import msgspec


class OutputPicture(msgspec.Struct, frozen=True, kw_only=True):
    """An output as something to look at: before, after, and where they differ."""

    name: str
    shape: tuple[int, ...]
    kind: Literal["image", "latents"]
    before_png: str
    """``data:image/png;base64,…``"""
    after_png: str
    difference_png: str
    """Largest absolute difference over the channels; white is ``max_abs_diff``, black is none."""
    max_abs_diff: float
    """Over the pictured sample."""
    shown: str
    """What of the output is shown, and how its values became colours, in one sentence."""


class MemoryCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Memory inside one recorded step, as PyTorch's allocator told the profiler."""

    device: Literal["cpu", "cuda"]
    step: str
    """Name of the step in the trace."""
    step_ms: float
    milliseconds: tuple[float, ...]
    """Since the step began, ascending."""
    bytes: tuple[int, ...]
    """Allocated since the recording began: what was there before (weights) is not in it."""


class MemoryInStep(msgspec.Struct, frozen=True, kw_only=True):
    """The same step before and after."""

    baseline: MemoryCurve | None = None
    candidate: MemoryCurve | None = None
