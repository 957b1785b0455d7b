"""``torch.cuda.FloatTensor`` and its kin: old names for a device and a dtype, as constructors and as types."""

from __future__ import annotations

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


def legacy_types() -> dict[str, type]:
    """The stand-ins by their names in ``torch.cuda``."""
    return {name: _LegacyType(name, (), {"dtype": dtype, "__module__": "torch.cuda"}) for name, dtype in DTYPES.items()}
