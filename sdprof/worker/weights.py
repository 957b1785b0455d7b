"""One copy of the weights for all workers: a safetensors file that each of them maps."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def _distinct_tensors(hot_modules: Mapping[str, torch.nn.Module]) -> dict[str, list[torch.nn.Parameter | torch.Tensor]]:
    """All parameters and buffers by name; tensors that share memory (tied weights) come once, as a list."""
    tensors: dict[str, list[torch.nn.Parameter | torch.Tensor]] = {}
    name_of: dict[tuple[int, torch.Size, torch.dtype], str] = {}
    for module_name, module in hot_modules.items():
        named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        for name, tensor in named:
            key = (tensor.data_ptr(), tensor.shape, tensor.dtype)
            first = name_of.setdefault(key, f"{module_name}.{name}") if tensor.numel() else f"{module_name}.{name}"
            tensors.setdefault(first, []).append(tensor)
    return tensors


def save_weights(hot_modules: Mapping[str, torch.nn.Module], file: Path) -> None:
    """Write all parameters and buffers of the hot modules to one file."""
    tensors = {name: same[0].detach().contiguous().cpu() for name, same in _distinct_tensors(hot_modules).items()}
    save_file(tensors, file)


def map_weights(hot_modules: Mapping[str, torch.nn.Module], file: Path) -> None:
    """Give the hot modules the weights of the file.

    On the CPU the tensors become private mappings of it: pages are shared between processes until one writes to them.
    On another device they are copied. Either way all workers compute with the same bits, also where a target draws its
    weights at random without a seed.

    :raises ValueError: if the file is not of these modules.
    """
    wanted = _distinct_tensors(hot_modules)
    loaded = load_file(file)
    if wanted.keys() != loaded.keys():
        odd = sorted(wanted.keys() ^ loaded.keys())
        raise ValueError(f"the target built other modules than the first time: {', '.join(odd[:3])}")
    with torch.no_grad():
        for name, same in wanted.items():
            for tensor in same:
                if tensor.shape != loaded[name].shape or tensor.dtype != loaded[name].dtype:
                    raise ValueError(f"the target built {name} in another shape than the first time")
                if tensor.device.type == "cpu" and tensor.is_contiguous():
                    tensor.data = loaded[name]
                else:
                    tensor.copy_(loaded[name])
    give_back()


def give_back() -> None:
    """Return memory that was used for a while, such as that of replaced weights, to the system: glibc keeps it all.

    Without it each worker of the full-size UNet held 2.8 GB that nobody used, and the shared copy was pushed out.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
