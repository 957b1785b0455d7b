"""Tensors of the user's own class on the device: ``x.as_subclass(MyTensor)``, and results that keep such a class.

PyTorch makes one by giving a tensor's memory another Python object, which a simulated tensor does not allow. So the
class of the object itself is changed, to one made of the user's class and the simulated tensor's. Operators see plain
simulated tensors in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch

from sdprof.device.tensor import SimulatedTensor, plain_data, wrap


class _KeepsItsClass(Tensor):
    """Stands before the simulated tensor among the bases: results are of the user's class, as PyTorch has it."""

    __torch_function__: Any = classmethod(Tensor.__torch_function__.__func__)  # type: ignore[attr-defined]


@cache
def device_class(kind: type[Tensor]) -> type[SimulatedTensor]:
    """The user's class, for tensors on the device."""

    def torch_dispatch(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _on_plain_tensors(func, args, kwargs or {})

    def torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return super(made, cls).__torch_function__(func, types, args, kwargs or {})

    names = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
        "__torch_dispatch__": classmethod(torch_dispatch),
        # PyTorch switches it off in a class with __torch_dispatch__ that does not have its own.
        "__torch_function__": classmethod(torch_function),
        "_users_class": kind,
    }
    metaclass: Any = type(kind)
    made: Any = metaclass(kind.__name__, (kind, _KeepsItsClass, SimulatedTensor), names)
    return made  # type: ignore[no-any-return]


def as_subclass_method(plain: Callable[..., Any]) -> Callable[..., Any]:
    """``Tensor.as_subclass`` that knows simulated tensors."""

    def as_subclass(tensor: Tensor, cls: type[Tensor]) -> Tensor:
        if not isinstance(tensor, SimulatedTensor):
            return plain(tensor, getattr(cls, "_users_class", cls))  # type: ignore[no-any-return]
        with torch._C.DisableTorchFunctionSubclass():
            twin: Tensor = torch.ops.aten.alias(tensor)
        return _of_class(twin, cls)

    return as_subclass


def _of_class(twin: Tensor, cls: type[Tensor]) -> Tensor:
    if cls is Tensor or cls is SimulatedTensor:
        twin.__class__ = SimulatedTensor
    else:
        twin.__class__ = cls if issubclass(cls, SimulatedTensor) else device_class(cls)
    return twin


def _on_plain_tensors(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    users: list[tuple[SimulatedTensor, SimulatedTensor]] = []
    """The plain tensors that were made, each with the user's own."""

    def plain(value: Any) -> Any:
        if isinstance(value, SimulatedTensor) and type(value) is not SimulatedTensor:
            users.append((wrap(value.host, value.device), value))
            return users[-1][0]
        return type(value)(map(plain, value)) if type(value) in (list, tuple) else value

    def given_back(result: Any) -> Any:
        for made, own in users:
            if result is made:
                return own
        return type(result)(map(given_back, result)) if type(result) in (list, tuple) else result

    result = SimulatedTensor.executor(func, plain(tuple(args)), {name: plain(value) for name, value in kwargs.items()})
    for made, own in users:
        own.host = made.host
        if own.shape != made.shape or own.stride() != made.stride():
            with no_dispatch():
                plain_data.__set__(own, wrap(made.host, made.device))
    return given_back(result)
