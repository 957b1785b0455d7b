"""``view.squeeze_()`` and its kin where a gradient is needed: the view becomes another view of the same base.

Of a tensor of a class of its own PyTorch remembers how a view was made from its base, and does not learn that it was
turned in place afterwards: what is then written into the view gets gradients of the old shape, or in the wrong places.
(torch/csrc/autograd/variable.cpp: VariableHooks::grad_fn; plain tensors go by sizes and strides.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sdprof.device.tensor import SimulatedTensor

NAMES = ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims")


def _turned_in_place(name: str) -> Callable[..., Tensor]:
    plain: Callable[..., Tensor] = getattr(Tensor, f"{name}_")
    functional: Callable[..., Tensor] = getattr(Tensor, name)

    def turn(tensor: SimulatedTensor, *args: Any, **kwargs: Any) -> Tensor:
        if tensor._base is None or not tensor.requires_grad or not torch.is_grad_enabled() or _is_refused(tensor):
            return plain(tensor, *args, **kwargs)
        turned: Any = functional(tensor, *args, **kwargs)
        tensor.host, turned.host = turned.host, tensor.host
        torch._C._swap_tensor_impl(tensor, turned)
        return tensor

    return turn


def _is_refused(tensor: Tensor) -> bool:
    """What PyTorch has an error for: views of leaves, and one of several views that one operator made."""
    assert tensor._base is not None
    created = torch._C._autograd._get_creation_meta(tensor)
    return tensor._base.is_leaf or bool(created != torch._C._autograd.CreationMeta.DEFAULT)


for _name in NAMES:
    setattr(SimulatedTensor, f"{_name}_", _turned_in_place(_name))
