"""Layers of one input as one product: whoever is called first computes it, the others take their part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from sdprof.fixes.machinery.trial import Ambient


def can_join(layer: torch.nn.Linear, ambient: Ambient) -> bool:
    """Whether a layer is a plain Linear whose weight is in the type that the product is computed in.

    Autocast keeps its casts of parameters, but would cast a joined copy anew on every call.
    """
    if "forward" in vars(layer) or type(layer).forward is not torch.nn.Linear.forward:
        return False
    if torch.nn.utils.parametrize.is_parametrized(layer) or layer._forward_hooks or layer._forward_pre_hooks:
        return False
    return not ambient.autocast or layer.weight.dtype == ambient.autocast_dtype


class JointProduct:
    """One product in place of several: (…, features) → the outputs of all layers, one after another."""

    def __init__(self, layers: Sequence[torch.nn.Linear]) -> None:
        self._layers = tuple(layers)
        self._widths = [layer.out_features for layer in layers]
        self._weight = torch.cat([layer.weight.detach() for layer in layers])
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        self._bias = torch.cat(biases) if biases else None
        self._identity = self._identities()
        self._input: torch.Tensor | None = None
        self._parts: dict[int, torch.Tensor] = {}
        self._written = 0

    @property
    def bytes(self) -> int:
        """Of the joined copy of the weights."""
        return self._weight.numel() * self._weight.element_size()

    def install(self) -> None:
        """Put the joined forward on every layer."""
        for index, layer in enumerate(self._layers):
            vars(layer)["forward"] = lambda input, index=index: self._part(index, input)

    def remove(self) -> None:
        """Give every layer its own forward again."""
        for layer in self._layers:
            del vars(layer)["forward"]
        self.forget()

    def forget(self) -> None:
        """Drop parts that nobody took."""
        self._input, self._parts = None, {}

    def _part(self, index: int, input: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or self._identities() != self._identity:
            return torch.nn.Linear.forward(self._layers[index], input)
        if self._input is not input or self._written != _writes(input) or index not in self._parts:
            product = torch.nn.functional.linear(input, self._weight, self._bias)
            self._parts = dict(enumerate(product.split_with_sizes(self._widths, dim=-1)))
            self._input, self._written = input, _writes(input)
        part = self._parts.pop(index)
        if not self._parts:
            self._input = None
        return part

    def _identities(self) -> tuple[Any, ...]:
        """Changes when a weight or bias is replaced, moved or written to."""
        tensors = [tensor for layer in self._layers for tensor in (layer.weight, layer.bias) if tensor is not None]
        return tuple((tensor.data_ptr(), tensor.dtype, _writes(tensor)) for tensor in tensors)


def _writes(tensor: torch.Tensor) -> int:
    """How often a tensor was written to; an inference tensor keeps no count."""
    return -1 if tensor.is_inference() else tensor._version
