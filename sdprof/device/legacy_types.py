"""``torch.cuda.FloatTensor`` and its kin: old names for a device and a dtype, as constructors and as types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sdprof.device.tensor import DEVICE

DTYPES = {
    "FloatTensor": torch.float32,
    "DoubleTensor": torch.float64,
    "HalfTensor": torch.float16,
    "BFloat16Tensor": torch.bfloat16,
    "ByteTensor": torch.uint8,
    "CharTensor": torch.int8,
    "ShortTensor": torch.int16,
    "IntTensor": torch.int32,
    "LongTensor": torch.int64,
    "BoolTensor": torch.bool,
}


class _LegacyType(type):
    dtype: torch.dtype

    def __instancecheck__(cls, candidate: object) -> bool:
        return isinstance(candidate, torch.Tensor) and candidate.is_cuda and candidate.dtype == cls.dtype

    def __call__(cls, *args: Any) -> torch.Tensor:
        if not args or all(isinstance(size, int) for size in args) or isinstance(args[0], torch.Size):
            return torch.empty(*(args or (0,)), dtype=cls.dtype, device=DEVICE)
        return torch.tensor(args[0], dtype=cls.dtype, device=DEVICE)


def type_method(plain: Callable[..., Any]) -> Callable[..., Any]:
    """``Tensor.type`` that knows the types of the simulated device: ``x.type("torch.cuda.HalfTensor")``."""

    def to_type(tensor: torch.Tensor, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
        name = dtype if isinstance(dtype, str) else f"{dtype.__module__}.{dtype.__name__}" if _is_legacy(dtype) else ""
        if name.startswith("torch.cuda."):
            return tensor.to(DEVICE, DTYPES[name.removeprefix("torch.cuda.")], non_blocking=non_blocking)
        return plain(tensor) if dtype is None else plain(tensor, dtype, non_blocking, **kwargs)

    return to_type


def default_type_setter(plain: Callable[[Any], None]) -> Callable[[Any], None]:
    """``torch.set_default_tensor_type`` that knows the device's types: a default dtype, and a default device."""

    def set_default(kind: Any) -> None:
        name = kind if isinstance(kind, str) else getattr(kind, "__name__", "") if _is_legacy(kind) else ""
        on_device = name.startswith("torch.cuda.") or _is_legacy(kind)
        dtype = DTYPES.get(name.removeprefix("torch.cuda.")) if on_device else None
        if dtype is None:
            plain(kind)
            torch.set_default_device(None)
        else:
            torch.set_default_dtype(dtype)
            torch.set_default_device(DEVICE)

    return set_default


def _is_legacy(dtype: Any) -> bool:
    return isinstance(dtype, _LegacyType)


def legacy_types() -> dict[str, type]:
    """The stand-ins by their names in ``torch.cuda``."""
    return {name: _LegacyType(name, (), {"dtype": dtype, "__module__": "torch.cuda"}) for name, dtype in DTYPES.items()}
