"""The kernels that the simulated device brings to PyTorch's dispatcher.

Operators on simulated tensors come to their class. What no tensor announces needs an entry in the dispatcher itself:
factories with ``device="cuda"``, page-locked memory of host tensors, attention (chosen by device before it is
dispatched), and numbers that C++ reads from tensors inside ``torch.tensor([…])``, where Python dispatch is off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sdprof.device import attention, ctc_loss, recurrent, spectra
from sdprof.device.generator import check_generator, without_default
from sdprof.device.ordinal import refuse_ordinal
from sdprof.device.pinned_memory import is_pinned, mark_pinned
from sdprof.device.tensor import HOST, SimulatedTensor, wrap

_READ_NUMBER = torch.ops.aten._local_scalar_dense.default
_WITH_MEMORY = {"_efficientzerotensor": torch.ops.aten.zeros.default}
"""Forward-mode derivatives begin with zeros that have no memory, which the dispatcher takes out of every operator
before a kernel is called. Inside ``__torch_dispatch__`` it does not: the CPU kernel would read from address 0."""

Make = Callable[[Any, tuple[Any, ...], dict[str, Any]], Tensor]
"""Makes a device tensor by a factory, its arguments given without ``device`` and ``pin_memory``."""


def make_with_values(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Make the tensor on the host and wrap it."""
    return wrap(func._op(*args, **kwargs))


@contextmanager
def installed(make: Make = make_with_values) -> Iterator[None]:
    """Have the kernels in PyTorch's dispatcher while the block runs.

    :param make: how factories make their tensors.
    """
    with torch.library._scoped_library("aten", "IMPL") as library:
        for name, factory in _factories():
            library.impl(name, _on_device(_WITH_MEMORY.get(name, factory), make), "CUDA")
        if make is make_with_values:
            library.impl("empty_strided", _empty_strided, "CUDA")
        else:
            library.impl("empty_strided", _on_device(torch.ops.aten.empty_strided.default, make), "CUDA")
        for name, func in _composed_or_whole():
            library.impl(name, _whole(func), "CUDA")
        if make is make_with_values:
            for name, kernel in (*recurrent.kernels(), *spectra.kernels(), *ctc_loss.kernels()):
                library.impl(name, kernel, "AutogradCUDA")
        library.impl("_local_scalar_dense", _read_number, "CUDA")
        library.impl("scaled_dot_product_attention", _attention, "AutogradCUDA")
        library.impl("is_pinned", _is_pinned, "CPU")
        library.impl("_pin_memory", _pin, "CPU")
        yield


def _factories() -> Iterator[tuple[str, torch._ops.OpOverload]]:
    """Yield operators that make a tensor out of no tensor: those with a device and a layout among their arguments."""
    for name, func in _aten_operators():
        arguments = func._schema.arguments
        if not {"device", "layout"} <= {argument.name for argument in arguments}:
            continue
        makes_from_tensor = any("Tensor" in str(argument.type) for argument in arguments)
        composed = _has_kernel(func, "CompositeImplicitAutograd")
        if not (makes_from_tensor or composed or name == "empty_strided"):
            yield name, func


def _composed_or_whole() -> Iterator[tuple[str, torch._ops.OpOverload]]:
    """Yield operators that are composed of others only where a backend has no kernel of its own, as CUDA has."""
    for name, func in _aten_operators():
        if _has_kernel(func, "CompositeImplicitAutograd") and _has_kernel(func, "CPU"):
            yield name, func


def _aten_operators() -> Iterator[tuple[str, torch._ops.OpOverload]]:
    for full_name in torch._C._dispatch_get_all_op_names():
        if full_name.startswith("aten::"):
            name = full_name.removeprefix("aten::")
            packet, _, overload = name.partition(".")
            func = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)
            if func is not None:
                yield name, func


def _has_kernel(func: torch._ops.OpOverload, key: str) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key))  # type: ignore[no-untyped-call]


def _whole(func: torch._ops.OpOverload) -> Callable[..., Any]:
    return lambda *args, **kwargs: SimulatedTensor.executor(func, args, kwargs)


def _on_device(func: torch._ops.OpOverload, make: Make) -> Callable[..., Tensor]:
    def factory(
        *args: Any, device: torch.device | None = None, pin_memory: bool | None = None, **kwargs: Any
    ) -> Tensor:
        if device is not None and device.index:
            refuse_ordinal()
        if kwargs and kwargs.get("generator") is not None:
            check_generator(kwargs["generator"])
            kwargs = without_default(kwargs)
        if pin_memory:
            raise RuntimeError("Only dense CPU tensors can be pinned")
        return make(func, args, kwargs)

    return factory


def _empty_strided(
    size: list[int],
    stride: list[int],
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
) -> Tensor:
    """The first half of every host-to-device copy: by the Python binding, which is twice as fast as the operator."""
    if device is not None and device.index:
        refuse_ordinal()
    return wrap(_host_empty_strided(size, stride, dtype=dtype, device=HOST))


_host_empty_strided = torch.empty_strided


def _read_number(tensor: Tensor) -> Any:
    return SimulatedTensor.executor(_READ_NUMBER, (tensor,), {})


def _attention(*args: Any, **kwargs: Any) -> Any:
    if torch.is_grad_enabled() and any(isinstance(each, Tensor) and each.requires_grad for each in args):
        return attention.attention(*args, **kwargs)
    return SimulatedTensor.executor(attention.OPERATOR, args, kwargs)


def _is_pinned(tensor: Tensor, device: torch.device | None = None) -> bool:
    return is_pinned(tensor)


def _pin(tensor: Tensor, device: torch.device | None = None) -> Tensor:
    return mark_pinned(tensor.detach().clone())
