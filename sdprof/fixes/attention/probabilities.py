"""The softmax of attention, noted."""

from __future__ import annotations

from typing import Any

import torch

from sdprof.fixes.attention.contraction import as_values
from sdprof.fixes.attention.deferred import Deferred, settle
from sdprof.fixes.attention.kernel import attend
from sdprof.fixes.attention.tally import Tally
from sdprof.fixes.attention.views import arranged, batch_of_view, broadcast_shapes, swaps_last_two


class Probabilities(Deferred):
    """softmax(scale · query keyᵀ + bias), over the keys."""

    def __init__(
        self,
        tally: Tally,
        query: torch.Tensor,
        key: torch.Tensor,
        *,
        scale: float,
        bias: torch.Tensor | None,
        dtype: torch.dtype,
        transposed: bool,
    ) -> None:
        """Note a softmax.

        :param query: (…, L, E)
        :param key: (…, S, E)
        :param transposed: the tensor that this stands for is (…, S, L) instead of (…, L, S).
        """
        self.tally = tally
        self.query = query
        self.key = key
        self.scale = scale
        self.bias = bias
        self.dtype = dtype
        self.transposed = transposed

    @property
    def shape(self) -> torch.Size:
        """(…, L, S), or (…, S, L) where transposed."""
        batch = broadcast_shapes(self.query.shape[:-2], self.key.shape[:-2])
        rows, columns = self.query.shape[-2], self.key.shape[-2]
        return torch.Size((*batch, columns, rows) if self.transposed else (*batch, rows, columns))

    @property
    def device(self) -> torch.device:
        """Where it would be."""
        return self.query.device

    def _compute(self) -> torch.Tensor:
        self.tally.settled_probabilities += 1
        scores = product(self.query, self.key, self.scale, self.bias)
        computed = torch.softmax(scores, -1).to(self.dtype)
        return computed.transpose(-1, -2) if self.transposed else computed

    def _with(self, **changes: Any) -> Probabilities:
        noted = {"scale": self.scale, "bias": self.bias, "dtype": self.dtype, "transposed": self.transposed, **changes}
        query, key = noted.pop("query", self.query), noted.pop("key", self.key)
        return Probabilities(self.tally, query, key, **noted)

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Exchange queries and keys."""
        rank = self.ndim
        if self._value is not None or {dim0 % rank, dim1 % rank} != {rank - 2, rank - 1}:
            return self.settled().transpose(dim0, dim1)
        return self._with(transposed=not self.transposed)

    def permute(self, *dims: Any) -> Any:
        """Exchange queries and keys, if it is that."""
        if self._value is not None or not swaps_last_two(dims, self.ndim):
            return self.settled().permute(*dims)
        return self._with(transposed=not self.transposed)

    def reshape(self, *shape: Any) -> Any:
        """Split or join batch dimensions."""
        batch = batch_of_view(shape, self.shape)
        if self._value is not None or batch is None or self.query.shape[:-2] != self.key.shape[:-2]:
            return self.settled().reshape(*shape)
        bias, rows, columns = self.bias, self.query.shape[-2], self.key.shape[-2]
        if bias is not None and bias.dim() > 2:
            bias = bias.expand(*self.shape[:-2], rows, columns).reshape(*batch, rows, columns)
        query, key = (side.reshape(*batch, *side.shape[-2:]) for side in (self.query, self.key))
        return self._with(query=query, key=key, bias=bias)

    view = reshape

    def dropout(self, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        """Dropout that drops nothing."""
        if self._value is not None or (training and p > 0):
            return torch.nn.functional.dropout(self.settled(), p, training, inplace)
        return self

    def matmul(self, other: Any) -> Any:
        """The product with the values, if it is that."""
        attended = self.times(other) if isinstance(other, torch.Tensor) else None
        return torch.matmul(self.settled(), settle(other)) if attended is None else attended

    bmm = __matmul__ = matmul

    def times(self, values: torch.Tensor) -> torch.Tensor | None:
        """This (…, A, B) times (…, B, D); None where it is not the product with the values."""
        if self._value is not None or self.transposed:
            return None
        return self._attend(values)

    def after(self, values: torch.Tensor) -> torch.Tensor | None:
        """(…, D, A) times this (…, A, B); None where it is not the product with the values."""
        if self._value is not None or not self.transposed:
            return None
        return self._attend(values.transpose(-1, -2)).transpose(-1, -2)

    def contracted(self, own_letters: str, values: torch.Tensor, letters: str, output: str) -> torch.Tensor | None:
        """Einsum with the values; None where it is something else."""
        equation = as_values(own_letters, letters, output, self.transposed)
        if self._value is not None or equation is None:
            return None
        attended = self._attend(arranged(values, letters, equation.values))
        return attended.permute(*(equation.result.index(letter) for letter in output))

    def _attend(self, values: torch.Tensor) -> torch.Tensor:
        self.tally.fused += 1
        with torch._C.DisableTorchFunction():  # none of this is the module's own
            return attend(self.query, self.key, values, bias=self.bias, scale=self.scale, backend=self.tally.backend)


def product(left: torch.Tensor, right: torch.Tensor, scale: float, bias: torch.Tensor | None) -> torch.Tensor:
    """Scale · left rightᵀ + bias, computed."""
    scores = torch.matmul(left, right.transpose(-1, -2))
    if scale != 1.0:
        scores = scores * scale
    return scores if bias is None else scores + bias
