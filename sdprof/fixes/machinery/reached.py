"""Which modules one real call of the hot module reaches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import torch

from sdprof.fixes.machinery.trial import CapturedCall

Module = TypeVar("Module", bound=torch.nn.Module)
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional ones, and those by name."""


def reached_by(
    call: CapturedCall, hot_module: torch.nn.Module, modules: Collection[Module]
) -> tuple[Any, dict[Module, list[Arguments]]]:
    """Repeat the call; its output, and the arguments of every call of those modules that it reached.

    The modules come in the order in which they are reached first. The arguments are kept, so their identities stay
    those of different tensors.
    """
    reached: dict[Module, list[Arguments]] = {}

    def note(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        reached.setdefault(module, []).append((args, kwargs))

    hooks = [module.register_forward_pre_hook(note, with_kwargs=True) for module in modules]
    try:
        return call.repeat(hot_module), reached
    finally:
        for hook in hooks:
            hook.remove()


def input_of(arguments: Arguments) -> torch.Tensor | None:
    """The one input of a layer such as Linear or Conv2d."""
    args, kwargs = arguments
    value = args[0] if args else kwargs.get("input")
    return value if isinstance(value, torch.Tensor) else None
