"""There is one GPU: naming another is refused as CUDA refuses it."""

from __future__ import annotations

from typing import Any

import torch


def check_ordinal(device: Any) -> None:
    """Refuse a device, given in any way that PyTorch takes, if it is a GPU other than ``cuda:0``."""
    if device is None:
        return
    if isinstance(device, int):
        index = max(device, 0)  # -1 means the current device
    else:
        named = device if isinstance(device, torch.device) else torch.device(device)
        index = named.index or 0 if named.type == "cuda" else 0
    if index:
        refuse_ordinal()


def refuse_ordinal() -> None:
    """Refuse a second GPU: one is simulated."""
    kind = getattr(torch, "AcceleratorError", RuntimeError)  # from 2.8 on
    raise kind("CUDA error: invalid device ordinal (one device is simulated: cuda:0)")
