"""Find the tensors in whatever a function takes or returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch


def tensors_within(value: Any) -> Iterator[torch.Tensor]:
    """Tensors in any nesting of lists, tuples, mappings and dataclasses (the outputs of diffusers are both)."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_within(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_within(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield from tensors_within(getattr(value, item.name, None))
