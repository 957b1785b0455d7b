"""``nn.DataParallel`` on one device: the C++ functions that spread tensors over devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sdprof.device.ordinal import check_ordinal
from sdprof.device.tensor import DEVICE


def scatter(
    tensor: Tensor, devices: Sequence[int], chunk_sizes: Any = None, dim: int = 0, streams: Any = None
) -> list[Tensor]:
    """``torch._C._scatter`` (torch/csrc/cuda/comm.cpp): chunks go to their devices without blocking."""
    for device in devices:
        check_ordinal(device)
    return [tensor.to(DEVICE, non_blocking=True)]


def gather(tensors: Sequence[Tensor], dim: int, destination: int | None = None) -> Tensor:
    """``torch._C._gather``: join what the devices made, on one of them, or on the host (-1)."""
    joined = torch.cat(list(tensors), dim) if len(tensors) > 1 else tensors[0]
    return joined.to("cpu") if destination == -1 else joined.to(DEVICE, non_blocking=True)
