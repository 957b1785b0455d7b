"""What the names in a running function stand for: tensors with device, dtype and shape, numbers, or something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes

from sdprof.device import known_values
from sdprof.device.tensor import SimulatedTensor
from sdprof.model import SeenValue

MOST_NAMES = 200
MOST_ITEMS = 64
"""Longer lists are not looked into."""
MOST_READ = 4096
"""Values of larger tensors are not read."""
DEPTH = 2
"""Attributes of attributes are looked at (``self.model.betas``), no further."""


def seen_values(frame: FrameType) -> dict[str, SeenValue]:
    """Local variables of a frame, and those attributes and entries of theirs that its code names; tables of the module.

    An entry is one of a dictionary by a string: ``settings["eta"]``, with double quotes whatever the code has.
    No property is asked and no code of the user runs: attributes are looked up in ``__dict__``, in a module's buffers,
    parameters and children, and in the fields of named tuples.
    """
    seen: dict[str, SeenValue] = {}
    attributes = set(frame.f_code.co_names)
    keys = {each for each in frame.f_code.co_consts if isinstance(each, str)}
    for name, value in frame.f_locals.items():
        for dotted, found in _named(name, value, attributes, keys, DEPTH):
            if len(seen) >= MOST_NAMES:
                return seen
            seen[dotted] = found
    for name, found in _globals(frame):
        if len(seen) < MOST_NAMES:
            seen.setdefault(name, found)
    return seen


def _globals(frame: FrameType) -> Iterator[tuple[str, SeenValue]]:
    """Tensors, arrays and numbers of the module that the code names: ``BETAS`` of ``BETAS[t]``."""
    for name in frame.f_code.co_names:
        if name in frame.f_globals and (found := describe(frame.f_globals[name])).kind != "other":
            yield name, found


def _named(name: str, value: Any, attributes: set[str], keys: set[str], depth: int) -> Iterator[tuple[str, SeenValue]]:
    described = describe(value)
    yield name, described
    if described.kind != "other" or depth == 0:
        return
    if type(value) is dict:
        entries = [(key, value[key]) for key in sorted(keys) if key in value]
        for key, held in entries:
            yield from _named(f'{name}["{key}"]', held, attributes, keys, depth - 1)
        return
    for attribute, held in _attributes(value):
        if attribute in attributes:
            yield from _named(f"{name}.{attribute}", held, attributes, keys, depth - 1)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    fields = getattr(type(value), "_fields", None)
    if isinstance(value, tuple) and isinstance(fields, tuple):
        yield from zip(fields, value, strict=False)
        return
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return
    if not isinstance(own, dict):
        return
    yield from list(own.items())
    if isinstance(value, torch.nn.Module):
        for held in (own.get("_buffers"), own.get("_parameters"), own.get("_modules")):
            if isinstance(held, Mapping):
                yield from list(held.items())


def describe(value: Any) -> SeenValue:
    """A value without its content."""
    if isinstance(value, torch.Tensor):
        return SeenValue(
            kind="tensor",
            device=value.device.type,
            dtype=str(value.dtype).removeprefix("torch."),
            shape=tuple(value.shape),
            zero=_is_zero(value),
        )
    if isinstance(value, np.ndarray | np.generic):
        zero = value.dtype.kind in "biuf" and value.size <= MOST_READ and not value.any()
        return SeenValue(kind="array", dtype=str(value.dtype), shape=tuple(np.shape(value)), zero=bool(zero))
    if isinstance(value, bool | int | float):
        return SeenValue(kind="number", dtype=type(value).__name__, zero=value == 0)
    if isinstance(value, torch.device):
        return SeenValue(kind="other", type_name="device", device=value.type)
    if isinstance(value, str) and value.partition(":")[0] in ("cpu", "cuda"):
        return SeenValue(kind="other", type_name="str", device=value.partition(":")[0])
    if isinstance(value, list | tuple) and 0 < len(value) <= MOST_ITEMS:
        return _describe_items(value)
    if isinstance(value, list | tuple) and 0 < len(value) <= MOST_READ:
        return SeenValue(
            kind="other", type_name=type(value).__name__, dtype=_type_of_numbers(value), shape=(len(value),)
        )
    return SeenValue(kind="other", type_name=type(value).__name__)


def _is_zero(value: torch.Tensor) -> bool:
    """Whether a small tensor holds nothing but zeros; a real device is not asked, for that would make the host wait."""
    host = value.host if isinstance(value, SimulatedTensor) else value
    if host.device.type != "cpu" or not 0 < host.numel() <= MOST_READ or not known_values.are_known(host):
        return False
    with _disable_current_modes():
        return not bool(host.detach().any())


def _describe_items(value: list[Any] | tuple[Any, ...]) -> SeenValue:
    """A list with its length and, if there are tensors in it, the device of the first one that is not on the host."""
    tensors = [each for each in value if isinstance(each, torch.Tensor)]
    on_device = [each for each in tensors if each.device.type != "cpu"]
    first = next(iter(on_device or tensors), None)
    return SeenValue(
        kind="other",
        type_name=type(value).__name__,
        device="" if first is None else first.device.type,
        dtype=_type_of_numbers(value) if first is None else str(first.dtype).removeprefix("torch."),
        shape=(len(value),),
    )


def _type_of_numbers(value: list[Any] | tuple[Any, ...]) -> str:
    """The one type that all items of a list have, if it is one of Python's numbers."""
    types = {type(each) for each in value}
    return next(iter(types)).__name__ if len(types) == 1 and types <= {bool, int, float} else ""
