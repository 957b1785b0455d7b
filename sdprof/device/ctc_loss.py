"""``ctc_loss``: the targets go to the host to choose a kernel, and lengths to the device in three small copies.

aten/src/ATen/native/LossCTC.cpp (ctc_loss, ctc_loss_impl: lengths that are tensors are brought to the host, targets
are shown to MIOpen's check there) and cuda/LossCTC.cu (ctc_loss_gpu_template: input lengths, target lengths and the
targets' offsets are made on the host and copied, backwards once more).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from sdprof.device import current
from sdprof.device.copying import TO_DEVICE
from sdprof.device.dispatch import special, taken_apart
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import HOST, host_of, wrap

SHOWS_TARGETS = hasattr(torch.ops.aten, "_use_miopen_ctc_loss")
"""Releases without MIOpen's check leave the targets where they are."""


def kernels() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what stands in PyTorch's dispatcher before autograd, by operator and overload."""
    yield "ctc_loss.Tensor", _of_tensors


def _of_tensors(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, *options: Any, **named: Any
) -> Any:
    """Lengths are read on the host, as PyTorch does for all tensors but those of a class of its own."""
    if SHOWS_TARGETS:
        targets.to(HOST, torch.int32)
    lengths = [given.to(HOST, torch.int64).tolist() for given in (input_lengths, target_lengths)]
    return torch.ops.aten.ctc_loss.IntList(log_probs, targets, *lengths, *options, **named)


@special("aten::ctc_loss")
def in_inference_mode(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The operator as it arrives where autograd is off altogether."""
    return _of_tensors(*args, **kwargs) if plan.func._overloadname == "Tensor" else taken_apart(plan.func, args, kwargs)


@special("aten::_use_cudnn_ctc_loss", "aten::_use_miopen_ctc_loss")
def never_a_library(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """PyTorch's own kernel is chosen."""
    return False


@special("aten::_ctc_loss", "aten::_ctc_loss_backward")
def loss(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute the loss of each sequence, or its gradient."""
    named = plan.named(args, kwargs)
    tables: tuple[Sequence[int], Sequence[int]] = (named["input_lengths"], named["target_lengths"])
    for table in tables:
        current.record("H2D", plan.name, TO_DEVICE, 8 * len(table), torch.tensor(table))
    current.record("H2D", plan.name, TO_DEVICE, 8 * len(tables[0]))  # offsets
    result = plan.func(*map(host_of, args), **{name: host_of(value) for name, value in kwargs.items()})
    return tuple(map(wrap, result)) if isinstance(result, tuple) else wrap(result)
