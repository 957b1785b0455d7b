"""A tensor that is noted, not computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from sdprof.fixes.attention.tally import Tally


class Deferred:
    """Stands where a tensor would, as long as only known things happen to it; else it becomes that tensor.

    A plain object and no tensor subclass: TorchDynamo traces through it, so that compiled code holds the fused operator
    and nothing of this.
    """

    tally: Tally
    dtype: torch.dtype
    _value: torch.Tensor | None = None

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Reached only outside the interception, by an object that escaped it."""
        return func(*settle(args), **settle(kwargs or {}))

    @property
    def shape(self) -> torch.Size:
        """The shape that the tensor would have."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the tensor would be."""
        raise NotImplementedError

    def _compute(self) -> torch.Tensor:
        raise NotImplementedError

    def _with(self, **changes: Any) -> Any:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def dim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def size(self, dim: int | None = None) -> Any:
        """Shape, or one dimension of it."""
        return self.shape if dim is None else self.shape[dim]

    def settled(self) -> torch.Tensor:
        """The tensor itself, computed as it was written."""
        if self._value is None:
            with torch._C.DisableTorchFunction():  # or the interception would defer this product too
                self._value = self._compute()
        return self._value

    def __getattr__(self, name: str) -> Any:
        """Anything not noted below is asked of the tensor."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.settled(), name)

    def contiguous(self, **_: Any) -> Any:
        """No memory, no layout."""
        return self

    clone = detach = contiguous

    def float(self) -> Any:
        """Cast to fp32."""
        return self.to(torch.float32)

    def half(self) -> Any:
        """Cast to fp16."""
        return self.to(torch.float16)

    def type(self, dtype: Any = None) -> Any:
        """Cast."""
        return self.to(dtype)

    def type_as(self, other: Any) -> Any:
        """Cast to the type of another."""
        return self.to(other.dtype)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Cast; the kernel computes in its own precision whatever the scores' type."""
        dtype = kwargs.get("dtype") or next((a for a in args if isinstance(a, torch.dtype)), None)
        others = [a for a in args if not isinstance(a, torch.dtype | bool)]
        if self._value is not None or dtype is None or others or not dtype.is_floating_point:
            return self.settled().to(*args, **kwargs)
        return self._with(dtype=dtype)


def _of_the_tensor(name: str) -> Callable[..., Any]:
    """An operator that the tensor itself is asked for: Python looks operators up on the class, past ``__getattr__``."""

    def method(self: Deferred, *args: Any) -> Any:
        self.tally.operators_with_tensors += any(isinstance(arg, torch.Tensor) for arg in args)
        return getattr(self.settled(), name)(*settle(args))

    return method


for _name in (
    *("matmul", "sub", "rsub", "rtruediv", "pow", "neg", "abs", "getitem", "setitem", "len", "iter"),
    *("lt", "le", "gt", "ge", "bool", "floordiv", "mod"),
):
    setattr(Deferred, f"__{_name}__", _of_the_tensor(f"__{_name}__"))


def settle(value: Any) -> Any:
    """Put the tensors themselves in the place of all deferred ones, in tuples, lists and dicts too."""
    if isinstance(value, Deferred):
        return value.settled()
    if isinstance(value, dict):
        return {key: settle(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(settle(item) for item in value)
    return value
