"""Stand in for a module with a few operators, so that what calls it is analysed without it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class RecordedCall:
    """One real call of the module."""

    input_shapes: tuple[tuple[int, ...], ...]
    """Of the tensors among its arguments; those nested in other arguments do not count."""
    output: Any


def record_call(args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> RecordedCall:
    """Keep what a stand-in needs of a call; outputs are copied, for their memory may be used again."""
    shapes = tuple(tuple(value.shape) for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
    # A tensor that was made in inference mode could not be used where grad is on.
    with torch.inference_mode(False), torch.no_grad():
        return RecordedCall(shapes, _rebuilt(output, lambda tensor: tensor.clone()))


@contextmanager
def standing_in(module: torch.nn.Module, recorded: RecordedCall) -> Iterator[None]:
    """Have the module answer with its recorded output, tied to its inputs and to a parameter by adding nothing.

    A call with inputs of other shapes than the recorded one goes to the real module.
    """
    real = module.forward
    own = module.__dict__.get("forward")
    parameter = next((weight for weight in module.parameters() if weight.is_floating_point() and weight.numel()), None)

    # TorchDynamo reads every line of this in every pass: it is kept plain.
    def forward(*args: Any, **kwargs: Any) -> Any:
        inputs = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        if tuple([tuple(tensor.shape) for tensor in inputs]) != recorded.input_shapes:
            return real(*args, **kwargs)
        nothing = 0.0 if parameter is None else parameter.flatten()[0] * 0
        for tensor in inputs:
            if tensor.numel() and not tensor.is_complex():
                nothing = nothing + tensor.flatten()[0] * 0
        if isinstance(recorded.output, torch.Tensor):
            return (recorded.output + nothing).to(recorded.output.dtype)
        return _rebuilt(recorded.output, lambda tensor: (tensor + nothing).to(tensor.dtype))

    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        if own is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = own


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists, tuples, dicts and dataclasses."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))


def _rebuilt(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nesting with every tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{field.name: _rebuilt(getattr(value, field.name), change) for field in fields(value)})
    if isinstance(value, dict):
        return type(value)({name: _rebuilt(item, change) for name, item in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_rebuilt(item, change) for item in value])
    if isinstance(value, list | tuple):
        return type(value)([_rebuilt(item, change) for item in value])
    return copy.copy(value)
