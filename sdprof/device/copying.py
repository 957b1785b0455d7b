"""Copies between host and device, and numbers read from the device.

Bytes are those that cross the bus (aten/src/ATen/native/cuda/Copy.cu: copy_requires_temporaries and copy_kernel_cuda):
a host-to-device copy converts on the host first, so it moves elements of the destination's type; a device-to-host copy
moves elements of the source's. Both expand first. Nothing moves for a tensor without elements.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sdprof.device import current
from sdprof.device.dispatch import run_on_host, special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.pinned_memory import is_pinned
from sdprof.device.tensor import HOST, SimulatedTensor, wrap

TO_DEVICE = "a host tensor is copied to the device"
TO_HOST = "a device tensor is copied to the host"


@special("aten::copy_")
def copy_into(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``destination.copy_(source)``: also the second half of ``.to("cuda")`` and of slice assignment."""
    destination, source = args[0], args[1]
    non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
    if type(destination) is not SimulatedTensor:
        record_to_host(plan.name, source, destination, non_blocking, count=destination.numel())
        plan.call(destination, source.host)
        return destination
    if type(source) is not SimulatedTensor:
        record_to_device(plan.name, source, destination.numel() * destination.element_size(), non_blocking)
        plan.call(destination.host, source)
        return destination
    plan.call(destination.host, source.host)
    return destination


@special("aten::_to_copy")
def to_copy(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``tensor.to(…)`` of a device tensor: a conversion on the device, or a copy to the host."""
    source = args[0]
    device = kwargs.get("device")
    non_blocking = kwargs.get("non_blocking", False)
    kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "non_blocking", "pin_memory")}
    if device is None or device.type == "cuda":
        return wrap(plan.call(source.host, **kwargs))
    if device.type != "cpu":
        return plan.call(source.host, **kwargs, device=device)
    result = plan.call(source.host, **kwargs, device=HOST)
    record_to_host(plan.name, source, result, non_blocking, count=source.numel())
    return result


@special("aten::_local_scalar_dense")
def read_number(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``item()`` and all that rests on it: ``float``, ``int``, ``bool``, ``if``, ``range``, a list index, a format."""
    source = args[0]
    assert plan.waits is not None
    current.record("SYNC", plan.name, plan.waits.reason, source.element_size(), source.host)
    return plan.call(source.host)


@special("aten::is_pinned")
def device_memory_is_not_pinned(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Only host memory can be page-locked."""
    return False


@special("aten::_pin_memory")
def refuse_to_pin(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Only host memory can be page-locked."""
    raise RuntimeError(f"cannot pin '{args[0].type()}' only dense CPU tensors can be pinned")


@special("aten::_conj", "aten::_neg_view")
def conjugate(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Conjugate at once: the bit that delays it would have to be kept in step on the device tensor and its host's."""
    return wrap(plan.func(args[0].host).resolve_conj().resolve_neg())


@special("aten::_softmax", "aten::_log_softmax")
def softmax(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """CUDA's softmax may read half precision and write single precision in one kernel; the CPU's converts first."""
    source, dimension, half_to_float = args
    if not half_to_float:
        return run_on_host(plan, args, kwargs)
    return wrap(plan.call(source.host.float(), dimension, False))


def record_to_device(operator: str, source: Tensor, size: int, non_blocking: bool = False) -> None:
    """Record a host-to-device copy of ``size`` bytes."""
    if size:
        current.record("H2D", operator, TO_DEVICE, size, source, is_pinned(source), bool(non_blocking))


def record_to_host(
    operator: str, source: SimulatedTensor, destination: Tensor, non_blocking: bool, *, count: int
) -> None:
    """Record a device-to-host copy of ``count`` elements of the source's type."""
    if count:
        size = count * source.element_size()
        current.record("D2H", operator, TO_HOST, size, source.host, is_pinned(destination), bool(non_blocking))
