"""Modules that return in some calls of an outer one what they returned in the call before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

Signature = tuple[Any, ...]


class FeatureReuse:
    """Counts the calls of the outer module; the inner ones compute in one of ``every``."""

    def __init__(self, outer: torch.nn.Module, inner: Sequence[torch.nn.Module], every: int) -> None:
        self._outer = outer
        self._inner = tuple(inner)
        self._every = every
        self._calls = 0
        self._kept: dict[torch.nn.Module, tuple[Signature, Any]] = {}

    def install(self) -> None:
        """Count from now on, and put the keeping forward on every inner module."""
        self._outer.register_forward_pre_hook(self._count)
        for module in self._inner:
            vars(module)["forward"] = self._keeping(module, module.forward)

    def forget(self) -> None:
        """Begin a run: its first call computes everything."""
        self._calls = 0
        self._kept.clear()

    def _count(self, _module: torch.nn.Module, _args: tuple[Any, ...]) -> None:
        self._calls += 1

    def _keeping(self, module: torch.nn.Module, original: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            signature = _signature((args, kwargs))
            kept = self._kept.get(module)
            computes = (self._calls - 1) % self._every == 0
            if computes or torch.is_grad_enabled() or kept is None or kept[0] != signature:
                output = original(*args, **kwargs)
                self._kept[module] = (signature, _copy(output))  # what follows may write into what it is handed
                return output
            return _copy(kept[1])

        return forward


def _signature(arguments: Any) -> Signature:
    """Shapes and types: features of other ones are computed anew."""
    return tuple((leaf.shape, leaf.dtype) for leaf in tree_leaves(arguments) if isinstance(leaf, torch.Tensor))


def _copy(output: Any) -> Any:
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, output)
