"""Indexing by tensors: where masks make the host wait, and host indices are copied to the device.

Rules of aten/src/ATen/native/TensorAdvancedIndexing.cpp (make_info, canDispatchToMaskedFill, _index_put_impl_): a mask
turns into the positions of its true elements (nonzero, on the mask's own device); all indices are broadcast together;
then those on another device are copied. Writing one host number through one mask is a ``masked_fill`` and needs none
of this.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdprof.device import current
from sdprof.device.copying import record_to_device
from sdprof.device.device_check import named_tensors, refuse_mixed_devices
from sdprof.device.dispatch import special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap

MASK_REASON = "a mask selects as many elements as it has true ones: their number is read by the host (nonzero)"
_MASK_TYPES = (torch.bool, torch.uint8)


@special("aten::index", "aten::_unsafe_index")
def index(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[index]`` with tensors in the index."""
    source, indices = args[0], args[1]
    refuse_device_indices_on_host(source, indices)
    record_index_traffic(plan, indices)
    return wrap(plan.call(source.host, [_host(each) for each in indices]))


@special("aten::index_put_", "aten::_index_put_impl_", "aten::_unsafe_index_put", "aten::index_put")
def index_put(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``x[index] = values`` with tensors in the index."""
    destination, indices, values, *rest = args
    refuse_device_indices_on_host(destination, indices)
    if type(destination) is not SimulatedTensor:
        if values.dim() > 0:
            refuse_mixed_devices(plan.func, named_tensors(("self", "values"), (destination, values)))
        # A number on another device is moved first (_index_put_impl_).
        return plan.func(destination, indices, values.cpu(), *rest, **kwargs)
    accumulate = rest[0] if rest else kwargs.get("accumulate", False)
    if accumulate or not _is_masked_fill(indices, values):
        if type(values) is not SimulatedTensor:
            if values.dim() > 0:
                refuse_mixed_devices(plan.func, named_tensors(("self", "values"), (destination, values)))
            record_to_device(plan.name, values, values.element_size())
        record_index_traffic(plan, indices)
    result = plan.call(destination.host, [_host(each) for each in indices], _host(values), *rest, **kwargs)
    return destination if plan.returned else wrap(result)


def record_index_traffic(plan: OperatorPlan, indices: list[Tensor | None]) -> None:
    """Record what one indexing operation makes: a wait for each device mask, a copy for each host index."""
    positions: list[Tensor] = []
    for each in indices:
        if each is None:
            continue
        if each.dtype not in _MASK_TYPES:
            positions.append(each)
        elif type(each) is SimulatedTensor:
            current.record("SYNC", plan.name, MASK_REASON, 0, each.host)
        else:
            positions.extend(each.nonzero().unbind(1))
    on_host = [each for each in positions if type(each) is not SimulatedTensor]
    if not on_host:
        return
    count = torch.broadcast_shapes(*(each.shape for each in positions)).numel()  # type: ignore[no-untyped-call]
    for each in on_host:
        record_to_device(plan.name, each, count * each.element_size())


def refuse_device_indices_on_host(source: Tensor, indices: list[Tensor | None]) -> None:
    """Refuse to index a host tensor by device tensors, with CUDA's message."""
    if type(source) is not SimulatedTensor and any(type(each) is SimulatedTensor for each in indices):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")


def _is_masked_fill(indices: list[Tensor | None], values: Tensor) -> bool:
    if type(values) is SimulatedTensor or values.numel() != 1:
        return False
    given = [each for each in indices if each is not None]
    return len(given) == 1 and type(given[0]) is SimulatedTensor and given[0].dtype in _MASK_TYPES


def _host(tensor: Tensor | None) -> Tensor | None:
    return tensor.host if type(tensor) is SimulatedTensor else tensor
