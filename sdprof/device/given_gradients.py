"""Gradients that the user gives to a backward pass: on the outputs' device, or one number from the host.

The engine checks the device of each gradient, but not of tensors of a class of its own
(torch/csrc/autograd/engine.cpp: validate_outputs). A number is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor


def checked(make_gradients: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.autograd._make_grads`` with the engine's check."""

    def make(outputs: Sequence[Any], gradients: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        found = [_on_device_of(*pair) for pair in enumerate(zip(outputs, gradients, strict=False))]
        rest = gradients[len(found) :]
        return make_gradients(outputs, (*found, *rest), *args, **kwargs)

    return make


def _on_device_of(index: int, pair: tuple[Any, Any]) -> Any:
    output, gradient = pair
    if not (isinstance(output, Tensor) and isinstance(gradient, Tensor)) or output.device == gradient.device:
        return gradient  # also where a functional transform has wrapped one of them once more
    if gradient.dim() == 0:
        return gradient.to(output.device)
    raise RuntimeError(f"invalid gradient at index {index} - expected device {output.device} but got {gradient.device}")
