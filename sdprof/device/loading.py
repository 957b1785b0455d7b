"""``torch.load(file, map_location="cuda")``: load on the host, then copy each tensor to the device, as CUDA does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sdprof.device.tensor import DEVICE


def loader_to_device(load: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.load`` for a machine with a simulated device."""

    def load_to_device(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(map_location, (str, torch.device)) and torch.device(map_location).type == "cuda":
            return _moved(load(file, "cpu", *args, **kwargs))
        return load(file, map_location, *args, **kwargs)

    return load_to_device


def _moved(loaded: Any) -> Any:
    if isinstance(loaded, torch.Tensor):
        return loaded.to(DEVICE)
    if isinstance(loaded, dict):
        for name, value in loaded.items():
            loaded[name] = _moved(value)
        return loaded
    if type(loaded) in (list, tuple):
        return type(loaded)(map(_moved, loaded))
    return loaded
