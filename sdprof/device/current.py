"""The simulation that is running in this process, if any: operators come from everywhere, also from other threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sdprof.device.event import TransferKind

if TYPE_CHECKING:
    from sdprof.device.recorder import Recorder

recorder: Recorder | None = None
"""Where events go. None outside ``simulate``: tensors that outlive it still compute, and nothing is recorded."""


def record(
    kind: TransferKind,
    operator: str,
    *,
    reason: str,
    size: int = 0,
    content: torch.Tensor | None = None,
    pinned: bool = False,
    non_blocking: bool = False,
) -> None:
    """Record an event of ``size`` bytes, if a simulation is running."""
    if recorder is not None:
        recorder.add(
            kind, operator, reason=reason, bytes=size, content=content, pinned=pinned, non_blocking=non_blocking
        )
