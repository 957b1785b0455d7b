"""Copies between host and device, and numbers read from the device.

Bytes are those that cross the bus (bus.py). Nothing moves for a tensor without elements.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sdprof.device import current
from sdprof.device.bus import crossing
from sdprof.device.dispatch import run_on_host, special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.ordinal import check_ordinal
from sdprof.device.pinned_memory import is_pinned, mark_pinned
from sdprof.device.tensor import HOST, SimulatedTensor, wrap

TO_DEVICE = "a host tensor is copied to the device"
TO_HOST = "a device tensor is copied to the host"


@special("aten::copy_")
def copy_into(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``destination.copy_(source)``: also the second half of ``.to("cuda")`` and of slice assignment."""
    destination, source = args[0], args[1]
    non_blocking = args[2] if len(args) > 2 else kwargs.get("non_blocking", False)
    if type(destination) is not SimulatedTensor:
        record_to_host(plan.name, source, destination, non_blocking)
        plan.call(destination, source.host)
        return destination
    if type(source) is not SimulatedTensor:
        moved = crossing(source, destination, to_device=True, non_blocking=bool(non_blocking))
        record_to_device(plan.name, source, moved.bytes, non_blocking, own_memory=moved.own_memory)
        plan.call(destination.host, source)
        return destination
    plan.call(destination.host, source.host)
    return destination


@special("aten::_to_copy")
def to_copy(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``tensor.to(…)`` of a device tensor: a conversion on the device, or a copy to the host."""
    source = args[0]
    if len(kwargs) == 1 and "dtype" in kwargs:
        return wrap(source.host.to(kwargs["dtype"], copy=True))
    device = kwargs.get("device")
    non_blocking = kwargs.get("non_blocking", False)
    kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "non_blocking", "pin_memory")}
    if device is None or device.type == "cuda":
        check_ordinal(device)
        return wrap(plan.call(source.host, **kwargs))
    if device.type != "cpu":
        return plan.call(source.host, **kwargs, device=device)
    result = plan.call(source.host, **kwargs, device=HOST)
    if non_blocking:
        # The result is allocated page-locked (aten/src/ATen/native/TensorConversions.cpp: _to_copy, pin_out).
        mark_pinned(result)
    record_to_host(plan.name, source, result, non_blocking)
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
    raise cannot_pin(args[0])


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


def cannot_pin(tensor: Tensor) -> RuntimeError:
    """What PyTorch says to page-locking memory that is not the host's."""
    return RuntimeError(f"cannot pin '{tensor.type()}' only dense CPU tensors can be pinned")


def record_to_device(
    operator: str, source: Tensor, size: int, non_blocking: bool = False, *, own_memory: bool = True
) -> None:
    """Record a host-to-device copy of ``size`` bytes.

    :param own_memory: from the source itself, not from a temporary.
    """
    if size:
        pinned = own_memory and is_pinned(source)
        current.record("H2D", operator, TO_DEVICE, size, source, pinned, bool(non_blocking))


def record_to_host(operator: str, source: SimulatedTensor, destination: Tensor, non_blocking: bool) -> None:
    """Record a device-to-host copy into a host tensor."""
    moved = crossing(source, destination, to_device=False, non_blocking=bool(non_blocking))
    if moved.bytes:
        pinned = moved.own_memory and is_pinned(destination)
        current.record("D2H", operator, TO_HOST, moved.bytes, source.host, pinned, bool(non_blocking))
