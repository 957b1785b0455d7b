"""Sequences of unequal lengths: the lengths and the batch sizes stay on the host (``pack_padded_sequence``)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdprof.device.dispatch import special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap


@special("aten::_pack_padded_sequence")
def pack(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pack on the device by lengths on the host (aten/src/ATen/native/PackedSequence.cpp)."""
    padded, lengths, *rest = args
    if type(lengths) is SimulatedTensor or lengths.dim() != 1 or lengths.dtype != torch.int64:
        raise wrong_lengths(lengths)
    data, batch_sizes = plan.call(padded.host, lengths, *rest, **kwargs)
    return wrap(data), batch_sizes


def wrong_lengths(lengths: Tensor) -> RuntimeError:
    """What PyTorch says to lengths that are not a vector of whole numbers on the host."""
    kind = lengths.type().rpartition(".")[2].removesuffix("Tensor")
    return RuntimeError(
        f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device} {kind} tensor"
    )
