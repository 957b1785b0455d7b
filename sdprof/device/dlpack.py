"""DLPack from PyTorch to PyTorch: there is no device memory to hand to others, but a tensor can be handed back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sdprof.device.tensor import SimulatedTensor


@dataclass(frozen=True)
class Capsule:
    """What ``to_dlpack`` gives for a tensor on the device: other libraries say that it is no capsule."""

    tensor: Tensor


def exporter(plain: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """``torch.utils.dlpack.to_dlpack`` that hands out no memory that is not there."""
    return lambda tensor: Capsule(tensor) if isinstance(tensor, SimulatedTensor) else plain(tensor)


def importer(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``torch.from_dlpack`` that knows tensors of the device."""

    def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
        given = ext_tensor.tensor if isinstance(ext_tensor, Capsule) else ext_tensor
        if not isinstance(given, SimulatedTensor):
            wished = {"device": device, "copy": copy}  # older releases know neither
            return plain(ext_tensor, **{name: value for name, value in wished.items() if value is not None})
        shared = given.detach()
        if device is not None:
            shared = shared.to(device)
        return shared.clone() if copy else shared

    return from_dlpack
