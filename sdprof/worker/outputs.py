"""What a run returned, as named tensors that can be compared in another process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

NUMPY_LIMIT = 1_000_000_000
"""Elements of all outputs together: more than that is no sample, and would fill the disk."""


def named_outputs(returned: Any) -> dict[str, torch.Tensor]:
    """Flatten what ``Workload.run`` returned into tensors by path, on the CPU.

    Dicts, lists, tuples and dataclass-like objects with ``__dict__`` are followed; NumPy arrays and Python numbers
    become tensors; all else (strings, None, images) is left out.
    """
    found: dict[str, torch.Tensor] = {}
    _walk(returned, "", found, set())
    return found


def _walk(value: Any, path: str, found: dict[str, torch.Tensor], seen: set[int]) -> None:
    if isinstance(value, torch.Tensor):
        found[path or "output"] = value.detach().to("cpu").contiguous().clone()
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            found[path or "output"] = torch.from_numpy(np.ascontiguousarray(value)).clone()
    elif isinstance(value, bool | int | float):
        found[path or "output"] = torch.tensor(value)
    elif id(value) not in seen:
        seen.add(id(value))
        for key, child in _children(value):
            _walk(child, f"{path}.{key}" if path else key, found, seen)


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(key), child) for key, child in value.items()]
    if isinstance(value, list | tuple):
        return [(str(index), child) for index, child in enumerate(value)]
    if hasattr(value, "__dict__") and not callable(value) and not isinstance(value, torch.nn.Module):
        return [(key, child) for key, child in vars(value).items() if not key.startswith("_")]
    return []


def non_finite(outputs: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Names of the outputs with NaN or infinity in them."""
    return tuple(
        name for name, tensor in outputs.items() if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    )


def digest(outputs: Mapping[str, torch.Tensor]) -> str:
    """A hash of names, shapes, types and bytes: equal digests, equal bits."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(outputs):
        tensor = outputs[name]
        state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        state.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return state.hexdigest()


def save_outputs(outputs: Mapping[str, torch.Tensor], file: Path) -> None:
    """Write the outputs as safetensors; bfloat16, which NumPy lacks, is widened to float32, which is exact."""
    if sum(tensor.numel() for tensor in outputs.values()) > NUMPY_LIMIT:
        raise ValueError(f"the outputs have more than {NUMPY_LIMIT} elements; return the final latents only")
    widened = {name: tensor.float() if tensor.dtype is torch.bfloat16 else tensor for name, tensor in outputs.items()}
    save_file({name: tensor.contiguous() for name, tensor in widened.items()}, file)
