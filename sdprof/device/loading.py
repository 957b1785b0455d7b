"""``torch.load`` of tensors that belong on the device: load on the host, then copy each to the device, as CUDA does.

A file says of each storage where it was when it was saved (``cuda:0``). Where no map_location says otherwise, that is
where it goes back to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sdprof.device.ordinal import check_ordinal
from sdprof.device.saving import MARK, SavedPlaces
from sdprof.device.tensor import DEVICE


def loader_to_device(load: Callable[..., Any], places: SavedPlaces) -> Callable[..., Any]:
    """``torch.load`` for a machine with a simulated device.

    :param places: what this process saved itself.
    """

    def load_to_device(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(map_location, (str, torch.device)):
            if torch.device(map_location).type != "cuda":
                return load(file, map_location, *args, **kwargs)
            check_ordinal(map_location)
            return _moved(load(file, "cpu", *args, **kwargs), lambda tensor: True, {})
        if map_location is None or isinstance(map_location, dict):
            back = _back_to(map_location or {}, places.of(file))
            return _moved(load(file, back, *args, **kwargs), _was_on_device, {})
        return load(file, map_location, *args, **kwargs)

    return load_to_device


def _back_to(renamed: dict[Any, Any], saved_here: list[bool]) -> Callable[[Any, str], Any]:
    on_device = iter(saved_here)

    def locate(storage: Any, location: str) -> Any:
        if next(on_device, False):
            location = str(DEVICE)
        goal = torch.device(renamed.get(location, location))
        if goal.type != "cuda":
            return torch.serialization.default_restore_location(storage, str(goal))  # type: ignore[no-untyped-call]
        if goal.index:
            raise RuntimeError(
                f"Attempting to deserialize object on CUDA device {goal.index} but torch.cuda.device_count() is 1. "
                "Please use torch.load with map_location to map your storages to an existing device."
            )
        setattr(storage, MARK, True)
        return storage

    return locate


def _was_on_device(tensor: torch.Tensor) -> bool:
    return hasattr(tensor.untyped_storage(), MARK)


def _moved(loaded: Any, belongs: Callable[[torch.Tensor], bool], done: dict[int, torch.Tensor]) -> Any:
    """What was loaded, with the tensors that belong there on the device; one that occurs twice is copied once."""
    if isinstance(loaded, torch.Tensor):
        if id(loaded) not in done:
            done[id(loaded)] = _on_device(loaded) if belongs(loaded) else loaded
        return done[id(loaded)]
    if isinstance(loaded, torch.nn.Module):
        return loaded._apply(lambda tensor: _moved(tensor, belongs, done))  # type: ignore[no-untyped-call]
    if isinstance(loaded, dict):
        for name, value in loaded.items():
            loaded[name] = _moved(value, belongs, done)
        return loaded
    if type(loaded) in (list, tuple):
        return type(loaded)(_moved(each, belongs, done) for each in loaded)
    return loaded


def _on_device(tensor: torch.Tensor) -> torch.Tensor:
    moved = tensor.detach().to(DEVICE).requires_grad_(tensor.requires_grad)
    return torch.nn.Parameter(moved, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else moved
