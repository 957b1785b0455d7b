"""Notes the products in a piece of code instead of computing them, and fuses those that turn out to be attention."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from sdprof.fixes.attention.contraction import as_scores, parse
from sdprof.fixes.attention.deferred import Deferred, settle
from sdprof.fixes.attention.probabilities import Probabilities
from sdprof.fixes.attention.scores import Scores
from sdprof.fixes.attention.tally import Tally
from sdprof.fixes.attention.views import arranged

Function = Callable[..., Any]

PRODUCTS: frozenset[Function] = frozenset(
    {torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.bmm, torch.Tensor.__matmul__}
)
REFLECTED_PRODUCTS: frozenset[Function] = frozenset({torch.Tensor.__rmatmul__})

METHODS: dict[Function, str] = {
    torch.softmax: "softmax",
    torch.Tensor.softmax: "softmax",
    F.softmax: "softmax",
    torch.mul: "mul",
    torch.multiply: "mul",
    torch.Tensor.mul: "mul",
    torch.Tensor.__mul__: "mul",
    torch.Tensor.__rmul__: "mul",
    torch.div: "div",
    torch.true_divide: "div",
    torch.Tensor.div: "div",
    torch.add: "add",
    torch.Tensor.add: "add",
    torch.Tensor.__add__: "add",
    torch.Tensor.__radd__: "add",
    torch.masked_fill: "masked_fill",
    torch.transpose: "transpose",
    torch.permute: "permute",
    torch.reshape: "reshape",
    torch.Tensor.contiguous: "contiguous",
    torch.clone: "clone",
    F.dropout: "dropout",
    torch.dropout: "dropout",
}
"""Functions of one deferred tensor, and the method of ``Scores`` or ``Probabilities`` that notes them."""

COMMUTATIVE = frozenset({"mul", "add"})


class DeferAttention(TorchFunctionMode):
    """While entered, products of two tensors are deferred until it is clear what they are for."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally

    def __torch_function__(
        self, func: Function, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note what can be noted, compute the rest."""
        kwargs = kwargs or {}
        noted = None
        if func is torch.einsum:
            noted = self._einsum(args)
        elif func in PRODUCTS and len(args) == 2 and not kwargs:
            noted = self._product(args[0], args[1])
        elif func in REFLECTED_PRODUCTS and len(args) == 2:
            noted = self._product(args[1], args[0])
        elif func is torch.baddbmm:
            noted = self._baddbmm(*args, **kwargs)
        elif func is torch.where and len(args) == 3 and isinstance(args[1], Scores):
            noted = args[1].masked_fill(torch.logical_not(args[0]), args[2])
        elif func in METHODS and args:
            noted = _method(METHODS[func], args, kwargs)
        if noted is not None:
            return noted
        if len(args) > 1 and isinstance(args[0], torch.Tensor) and isinstance(args[1], Deferred):
            self.tally.operators_with_tensors += 1
        return func(*settle(args), **settle(kwargs))

    def _product(self, left: Any, right: Any) -> Any:
        if isinstance(left, Probabilities) and isinstance(right, torch.Tensor):
            return left.times(right)
        if isinstance(right, Probabilities) and isinstance(left, torch.Tensor):
            attended = right.after(left)
            if attended is None and torch.compiler.is_compiling():
                # `probabilities @ values`: TorchDynamo hands the tensor over first. What is truly the other way round
                # is no attention, and has been refused when it was tried eagerly.
                attended = right.times(left)
            return attended
        if _matrices(left, right):
            return Scores(self.tally, left, right.transpose(-1, -2))
        return None

    def _einsum(self, args: tuple[Any, ...]) -> Any:
        equation = parse(args[0]) if args and isinstance(args[0], str) else None
        operands = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
        if equation is None or len(operands) != 2:
            return None
        left, right = operands
        if isinstance(left, Probabilities) and isinstance(right, torch.Tensor):
            return left.contracted(equation.left, right, equation.right, equation.output)
        if isinstance(right, Probabilities) and isinstance(left, torch.Tensor):
            return right.contracted(equation.right, left, equation.left, equation.output)
        scores = as_scores(equation)
        if scores is None or not _floating(left, right):
            return None
        letters = (equation.left, equation.right)
        rows, columns = (
            arranged(operands[owner], letters[owner], order) for owner, order in (scores.rows, scores.columns)
        )
        return Scores(self.tally, rows, columns)

    def _baddbmm(self, added: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        if not _matrices(left, right) or not isinstance(added, torch.Tensor):
            return None
        scores = Scores(self.tally, left, right.transpose(-1, -2), scale=float(alpha))
        return scores if beta == 0 else scores.add(added * beta)


def _method(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    first, *rest = args
    if not isinstance(first, Deferred):
        if name not in COMMUTATIVE or len(rest) != 1 or not isinstance(rest[0], Deferred) or kwargs:
            return None
        first, rest = rest[0], [first]
    if not hasattr(type(first), name):
        return None
    return getattr(first, name)(*rest, **kwargs)


def _floating(left: Any, right: Any) -> bool:
    return (
        isinstance(left, torch.Tensor)
        and isinstance(right, torch.Tensor)
        and left.dtype.is_floating_point
        and left.dtype == right.dtype
    )


def _matrices(left: Any, right: Any) -> bool:
    return _floating(left, right) and left.dim() >= 2 and right.dim() >= 2
