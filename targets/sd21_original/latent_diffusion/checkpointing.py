"""Trade compute for memory in the backward pass: forget the activations, compute them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch


def checkpoint(
    function: Callable[..., Any], inputs: Sequence[Any], parameters: Iterable[torch.nn.Parameter], enabled: bool
) -> Any:
    """Call a function without keeping its activations, if enabled."""
    if not enabled:
        return function(*inputs)
    return RecomputedInBackward.apply(function, len(inputs), *inputs, *parameters)


class RecomputedInBackward(torch.autograd.Function):
    """Forward without a graph; backward runs the function again, with one."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], input_count: int, *tensors: Any) -> Any:
        """Run the function on the first ``input_count`` tensors; the others are its parameters."""
        ctx.function = function
        ctx.inputs = list(tensors[:input_count])
        ctx.parameters = list(tensors[input_count:])
        ctx.autocast = {
            "enabled": torch.is_autocast_enabled("cuda"),
            "dtype": torch.get_autocast_dtype("cuda"),
            "cache_enabled": torch.is_autocast_cache_enabled(),
        }
        with torch.no_grad():
            return function(*ctx.inputs)

    @staticmethod
    def backward(ctx: Any, *output_gradients: Any) -> Any:
        """Compute the activations again and differentiate them."""
        inputs = [tensor.detach().requires_grad_(True) for tensor in ctx.inputs]
        with torch.enable_grad(), torch.autocast("cuda", **ctx.autocast):
            # A view: the function may write to its inputs, and leaves must not be written to.
            outputs = ctx.function(*[tensor.view_as(tensor) for tensor in inputs])
        gradients = torch.autograd.grad(outputs, inputs + ctx.parameters, output_gradients, allow_unused=True)
        return (None, None, *gradients)
