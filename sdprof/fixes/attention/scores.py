"""The product of queries and keys, noted."""

from __future__ import annotations

from typing import Any

import torch

from sdprof.fixes.attention.deferred import Deferred, settle
from sdprof.fixes.attention.kernel import computed_dtype
from sdprof.fixes.attention.probabilities import Probabilities, product
from sdprof.fixes.attention.tally import Tally
from sdprof.fixes.attention.views import batch_of_view, broadcast_shapes, swapped, swaps_last_two

ABSORBING = -1e8
"""Below this, fp32 keeps nothing of a score of ordinary size that is added: a row that is masked as a whole stays
uniform, as it is where the number is put in the score's place."""


class Scores(Deferred):
    """scale · left rightᵀ + bias: the product of queries and keys, whichever is which."""

    def __init__(
        self,
        tally: Tally,
        left: torch.Tensor,
        right: torch.Tensor,
        *,
        scale: float = 1.0,
        bias: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Note a product.

        :param left: (…, I, E); its rows are the rows of the scores.
        :param right: (…, J, E)
        :param bias: broadcastable to (…, I, J)
        """
        self.tally = tally
        self.left = left
        self.right = right
        self.scale = scale
        self.bias = bias
        self.dtype = dtype or computed_dtype(left)

    @property
    def shape(self) -> torch.Size:
        """(…, I, J)"""
        batch = broadcast_shapes(self.left.shape[:-2], self.right.shape[:-2])
        return torch.Size((*batch, self.left.shape[-2], self.right.shape[-2]))

    @property
    def device(self) -> torch.device:
        """Where it would be."""
        return self.left.device

    def _compute(self) -> torch.Tensor:
        return product(self.left, self.right, self.scale, self.bias).to(self.dtype)

    def _with(self, **changes: Any) -> Scores:
        noted = {"scale": self.scale, "bias": self.bias, "dtype": self.dtype, **changes}
        left, right = noted.pop("left", self.left), noted.pop("right", self.right)
        return Scores(self.tally, left, right, **noted)

    def mul(self, other: Any) -> Any:
        """Multiply by a number."""
        if self._value is not None or not isinstance(other, int | float):
            return self.settled() * settle(other)
        return self._with(scale=self.scale * other, bias=None if self.bias is None else self.bias * other)

    def div(self, other: Any) -> Any:
        """Divide by a number."""
        if self._value is not None or not isinstance(other, int | float) or other == 0:
            self.tally.operators_with_tensors += isinstance(other, torch.Tensor)
            return self.settled() / settle(other)
        return self.mul(1.0 / other)

    def add(self, other: Any) -> Any:
        """Add a mask or a bias."""
        if self._value is not None or not self._is_bias(other):
            return self.settled() + settle(other)
        return self._with(bias=other if self.bias is None else self.bias + other)

    def masked_fill(self, mask: torch.Tensor, value: Any) -> Any:
        """Put a number where a mask is set, if it is so large a negative one that adding it comes to the same."""
        hides = isinstance(value, int | float) and value <= max(ABSORBING, torch.finfo(self.dtype).min)
        if self._value is not None or not hides or not self._broadcasts(mask) or mask.dtype != torch.bool:
            return self.settled().masked_fill(mask, settle(value))
        dtype = torch.promote_types(self.dtype, torch.float32)
        return self.add(torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, value))

    def softmax(self, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> Any:
        """Softmax over the rows or the columns: only now is it known which operand holds the keys."""
        rank = self.ndim
        if self._value is not None or dim is None or dim % rank < rank - 2:
            return torch.nn.functional.softmax(self.settled(), dim, dtype=dtype)
        widened = torch.float32 if torch.is_autocast_enabled(self.device.type) else self.dtype
        keys_first = dim % rank == rank - 2
        left, right, bias = self.left, self.right, self.bias
        if keys_first:
            left, right, bias = right, left, None if bias is None else swapped(bias)
        return Probabilities(
            self.tally, left, right, scale=self.scale, bias=bias, dtype=dtype or widened, transposed=keys_first
        )

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Exchange rows and columns."""
        rank = self.ndim
        if self._value is not None or {dim0 % rank, dim1 % rank} != {rank - 2, rank - 1}:
            return self.settled().transpose(dim0, dim1)
        return self._with(left=self.right, right=self.left, bias=None if self.bias is None else swapped(self.bias))

    def permute(self, *dims: Any) -> Any:
        """Exchange rows and columns, if it is that."""
        if self._value is not None or not swaps_last_two(dims, self.ndim):
            return self.settled().permute(*dims)
        return self.transpose(-1, -2)

    def reshape(self, *shape: Any) -> Any:
        """Split or join batch dimensions."""
        batch = batch_of_view(shape, self.shape)
        if self._value is not None or batch is None or self.left.shape[:-2] != self.right.shape[:-2]:
            return self.settled().reshape(*shape)
        bias = self.bias
        if bias is not None and bias.dim() > 2:
            bias = bias.expand(self.shape).reshape(*batch, *self.shape[-2:])
        left, right = (side.reshape(*batch, *side.shape[-2:]) for side in (self.left, self.right))
        return self._with(left=left, right=right, bias=bias)

    view = reshape

    def _is_bias(self, other: Any) -> bool:
        return isinstance(other, torch.Tensor) and other.dtype.is_floating_point and self._broadcasts(other)

    def _broadcasts(self, other: torch.Tensor) -> bool:
        """Whether another tensor broadcasts to these scores without making them larger."""
        own = self.shape
        if other.dim() > len(own):
            return False
        return all(a in (1, b) for a, b in zip(reversed(other.shape), reversed(own), strict=False))

    def _become(self, changed: Any) -> Any:
        """What an in-place operation does: every holder of this object sees it."""
        if isinstance(changed, Scores):
            self.scale, self.bias, self.dtype = changed.scale, changed.bias, changed.dtype
        else:
            self._value = changed
        return self

    def mul_(self, other: Any) -> Any:
        """Multiply in place."""
        return self._become(self.mul(other))

    def div_(self, other: Any) -> Any:
        """Divide in place."""
        return self._become(self.div(other))

    def add_(self, other: Any) -> Any:
        """Add in place."""
        return self._become(self.add(other))

    def masked_fill_(self, mask: torch.Tensor, value: Any) -> Any:
        """Mask in place."""
        return self._become(self.masked_fill(mask, value))

    __mul__ = __rmul__ = mul
    __add__ = __radd__ = add
    __truediv__ = div
    __imul__, __iadd__, __itruediv__ = mul_, add_, div_
