"""``torch.save`` of tensors on the device: the file holds host tensors, and this process remembers which were not.

A file from a GPU says where each storage was, and cannot be read without one unless ``map_location`` says where to go.
What a simulation leaves on the disk can be read; read by the simulation itself it gives tensors on the device again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

MARK = "_sdprof_saved_on_cuda"
"""Marks the storage of a tensor that was saved on a GPU."""


class SavedPlaces:
    """Which storages of which files were on the device, in the order in which a file has them."""

    def __init__(self) -> None:
        self._by_path: dict[str, list[bool]] = {}
        self._by_object: WeakKeyDictionary[Any, list[bool]] = WeakKeyDictionary()

    def remember(self, file: Any, on_device: list[bool]) -> None:
        """Keep what was written last."""
        path = _path(file)
        if path is not None:
            self._by_path[path] = on_device
            return
        with suppress(TypeError):  # an object of which no weak reference can be had
            self._by_object[file] = on_device

    def of(self, file: Any) -> list[bool]:
        """What is known of a file: nothing of one that another process wrote."""
        path = _path(file)
        if path is not None:
            return self._by_path.get(path, [])
        with suppress(TypeError):
            return self._by_object.get(file, [])
        return []


def saver(save: Callable[..., None], places: SavedPlaces) -> Callable[..., None]:
    """``torch.save`` that takes down where its tensors are."""

    def save_from_device(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        seen: dict[int, bool] = {}
        tag: Callable[[Any], str] = torch.serialization.location_tag

        def watching_tag(storage: Any) -> str:
            seen.setdefault(storage._cdata, hasattr(storage, MARK))
            return tag(storage)

        torch.serialization.location_tag = watching_tag
        try:
            save(obj, f, *args, **kwargs)
        finally:
            torch.serialization.location_tag = tag  # type: ignore[assignment]
        places.remember(f, list(seen.values()))

    return save_from_device


def _path(file: Any) -> str | None:
    name = file if isinstance(file, (str, os.PathLike)) else getattr(file, "name", None)
    return str(Path(name).resolve()) if isinstance(name, (str, os.PathLike)) else None
