"""Remembers what shapes an operator makes of what shapes: the second step of a loop is like the first.

PyTorch's shape rules are largely Python and take up to milliseconds each; a loop asks the same questions again and
again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor

_META = torch.device("meta")
_SizeStrideType = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]


class ShapeRules:
    """Results of operators on tensors without values, by the operator and the sizes, strides and types it was given."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, Any]] = {}

    def result(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        compute: Callable[[], tuple[Any, Any]],
    ) -> tuple[Any, Any]:
        """A result of new tensors without values, and whatever ``compute`` returned beside it the first time."""
        key = (id(func), _signature(args), _signature(tuple(kwargs.items())))
        try:
            found = self._known.get(key)
        except TypeError:  # an argument that cannot be a key
            return compute()
        if found is None:
            result, beside = compute()
            self._known[key] = (_described(result), beside)
            return result, beside
        return _remade(found[0]), found[1]


class _Description(msgspec.Struct, frozen=True):
    size_stride_type: _SizeStrideType


def _signature(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple(_signature(each) for each in value)
    return type(value), value  # 1, 1.0 and True are equal, and not the same to an operator


def _described(result: Any) -> Any:
    if isinstance(result, Tensor):
        return _Description((tuple(result.shape), result.stride(), result.dtype))
    if isinstance(result, (list, tuple)):
        return type(result)(map(_described, result))
    return result


def _remade(description: Any) -> Any:
    if isinstance(description, _Description):
        shape, stride, dtype = description.size_stride_type
        return torch.empty_strided(shape, stride, dtype=dtype, device=_META)
    if isinstance(description, (list, tuple)):
        return type(description)(map(_remade, description))
    return description
