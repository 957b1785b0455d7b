"""A tensor that says it is on ``cuda:0`` and keeps its values in a CPU tensor.

It is a wrapper subclass: autograd, autocast, views and ``torch.device`` comparisons see a dense CUDA tensor with the
right sizes and strides, and every operator that would reach a CUDA kernel comes to ``__torch_dispatch__`` instead.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor

from sdprof.device import current, known_values
from sdprof.device.saving import MARK
from sdprof.device.value_needed import ValueNeededError

DEVICE = torch.device("cuda", 0)
HOST = torch.device("cpu")

PRINT_REASON = "printing a tensor selects, compares and reads its values on the host, waiting each time"

Executor = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

plain_data: Any = torch._C.TensorBase.data
"""The getter and setter of ``data`` that every tensor has."""
_STRIDED = torch.strided
_in_inference_mode = torch.is_inference_mode_enabled
_make_wrapper = torch.Tensor._make_wrapper_subclass


class SimulatedTensor(Tensor):
    """A tensor on the simulated device. Made by ``wrap``; users meet it only as a ``torch.Tensor``."""

    host: Tensor
    """The values: a CPU tensor of the same sizes and strides that never requires grad."""

    executor: ClassVar[Executor]
    """Runs an operator on simulated tensors."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return SimulatedTensor.executor(func, args, kwargs or {})

    # ``Module.to`` keeps the identity of a parameter that turns into a subclass by swapping the two objects' contents,
    # and it does so for subclasses that say what they are made of.
    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["host"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], context: None, size: Any, stride: Any) -> SimulatedTensor:
        return wrap(inner["host"])

    def __repr__(self, *, tensor_contents: object = None) -> str:  # type: ignore[override]
        if self.device.type != "cpu":
            size = self.numel() * self.element_size()
            current.record("D2H", "print", PRINT_REASON, size, self.host)
        return _describe(self)

    def __format__(self, format_spec: str) -> str:
        if self.dim() == 0:
            return self.item().__format__(format_spec)
        return object.__format__(self, format_spec)

    def tolist(self) -> Any:
        """Return the values as nested Python lists, as ``torch.Tensor.tolist`` does: by way of a host copy."""
        if self.dim() == 0:
            return self.item()
        if self.device.type == "cpu":
            return self._known_host("tolist()").tolist()
        return self.detach().cpu().tolist()

    def _known_host(self, reader: str) -> Tensor:
        if not known_values.are_known(self.host):
            raise ValueNeededError(f"{reader} reads a tensor")
        return self.host

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse as CUDA does, or copy to the host first where ``force`` asks for it."""
        if self.device.type == "cpu":
            return self._known_host("numpy()").numpy(force=force)
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )

    def data_ptr(self) -> int:
        """Return the address of the host values: good for comparing addresses, as users do."""
        return self.host.data_ptr()

    def untyped_storage(self) -> torch.UntypedStorage:
        """Return the storage of the host values: good for asking whether two tensors share memory."""
        return self.host.untyped_storage()

    def record_stream(self, stream: object) -> None:
        """Do nothing: there is no allocator to tell."""

    @property
    def __cuda_array_interface__(self) -> Any:
        raise AttributeError("A tensor on the simulated device has no device memory to hand to other libraries.")

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any:
        raise BufferError("A tensor on the simulated device has no device memory to hand to other libraries.")

    def __copy__(self) -> Tensor:
        twin = self.detach().requires_grad_(self.requires_grad)
        return torch.nn.Parameter(twin, self.requires_grad) if getattr(self, "_is_param", False) else twin

    @property
    def data(self) -> Tensor:
        """The tensor without its history; assigning replaces the values and keeps the object."""
        plain: Tensor = plain_data.__get__(self)
        return plain

    @data.setter
    def data(self, value: Tensor) -> None:
        if isinstance(value, SimulatedTensor):
            plain_data.__set__(self, value)
            self.host = value.host
        else:
            swap_contents(self, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment."
            )
        copy: Tensor = wrap(_copied_with_its_storage(self.host, memo), self.device)
        if getattr(self, "_is_param", False):
            copy = torch.nn.Parameter(copy, self.requires_grad)
        else:
            copy.requires_grad_(self.requires_grad)
        memo[id(self)] = copy
        for name, value in self.__dict__.items():  # what the user hung on it
            if name not in ("host", "_is_param"):
                setattr(copy, name, deepcopy(value, memo))
        if self.grad is not None:
            copy.grad = self.grad.__deepcopy__(memo)  # type: ignore[no-untyped-call]
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A file holds host tensors: it can be read where nobody knows this class.
        values = self.detach().cpu()
        if isinstance(values, SimulatedTensor):  # without values, the host has such tensors, too
            values = values._known_host("saving")
        if self.device.type == DEVICE.type:
            setattr(values.untyped_storage(), MARK, True)
        if getattr(self, "_is_param", False):
            return torch._utils._rebuild_parameter, (values, self.requires_grad, OrderedDict())
        return values.__reduce_ex__(protocol)  # type: ignore[no-untyped-call]


# Users print a tensor's class and compare its name, and PyTorch's messages tell it: it is what a GPU's tensor says.
SimulatedTensor.__name__ = SimulatedTensor.__qualname__ = "Tensor"
SimulatedTensor.__module__ = "torch"


def wrap(host: Tensor, device: torch.device = DEVICE) -> SimulatedTensor:
    """Present a host tensor as a tensor of the simulated device (or of another, for tensors without values).

    A view of an inference tensor is one, a view of a normal tensor is none, whatever mode rules when it is made; the
    wrapper has to be of its host's sort, or autograd refuses to relate it to its base.
    """
    if host.is_inference() != _in_inference_mode():
        with torch.inference_mode(host.is_inference()):
            return wrap(host, device)
    if host.layout is not _STRIDED:
        raise NotImplementedError(
            f"The simulated device has no {str(host.layout).removeprefix('torch.')} tensors: only dense ones."
        )
    if host.requires_grad:
        host = host.detach()
    try:
        sizes, strides, offset = host.shape, host.stride(), host.storage_offset()
    except RuntimeError as error:
        if not host.is_nested:
            raise
        raise NotImplementedError("The simulated device has no nested tensors: only dense ones.") from error
    tensor: SimulatedTensor = _make_wrapper(SimulatedTensor, sizes, strides, offset, None, host.dtype, _STRIDED, device)
    tensor.host = host
    return tensor


def _copied_with_its_storage(host: Tensor, memo: dict[int, Any]) -> Tensor:
    """A copy that shares its memory with the copies of the tensors that the tensor shares it with."""
    if host.is_meta:
        return host.clone()
    with torch.no_grad():
        return torch.empty(0, dtype=host.dtype).set_(
            deepcopy(host.untyped_storage(), memo), host.storage_offset(), host.shape, host.stride()
        )


def host_of(value: Any) -> Any:
    """The values of a simulated tensor; anything else as it is."""
    return value.host if isinstance(value, SimulatedTensor) else value


def swap_contents(tensor: Tensor, value: Tensor) -> None:
    """``tensor.data = value`` across devices: the object stays, what it is made of is exchanged."""
    replacement = value.detach().requires_grad_(tensor.requires_grad)
    if isinstance(tensor, torch.nn.Parameter):
        replacement = torch.nn.Parameter(replacement, tensor.requires_grad)
    torch.utils.swap_tensors(tensor, replacement)  # type: ignore[no-untyped-call]


def _describe(tensor: SimulatedTensor) -> str:
    host = tensor.host.detach()
    if not known_values.are_known(host):
        text = f"tensor(..., device='{tensor.device}', size={tuple(host.shape)}, dtype={host.dtype})"
    else:
        place = "" if tensor.device.type == "cpu" else f", device='{tensor.device}'"
        text = re.sub(r"((?:, size=\([\d, ]*\))?(?:, dtype=[\w.]+)?)\)$", rf"{place}\1)", repr(host))
    if tensor.grad_fn is not None:
        text = f"{text[:-1]}, grad_fn=<{type(tensor.grad_fn).__name__}>)"
    elif tensor.requires_grad:
        text = f"{text[:-1]}, requires_grad=True)"
    return f"Parameter containing:\n{text}" if getattr(tensor, "_is_param", False) else text
