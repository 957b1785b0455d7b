"""Small stand-ins for packages that the published code imports and a sampling loop never needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch import nn


class LightningModule(nn.Module):
    """A module that knows its device: all that sampling asks of PyTorch Lightning's."""

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device


class ListConfig(list[Any]):
    """A list out of a configuration file; none is read here."""


def rank_zero_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """There is one process."""
    return function


def make_grid(*_images: Any, **_options: Any) -> torch.Tensor:
    """Belongs to the logging of a training.

    :raises NotImplementedError: always.
    """
    raise NotImplementedError("torchvision.utils.make_grid is not part of sampling")


STAND_INS: dict[str, dict[str, Any]] = {
    "pytorch_lightning": {"LightningModule": LightningModule},
    "pytorch_lightning.utilities": {},
    "pytorch_lightning.utilities.distributed": {"rank_zero_only": rank_zero_only},
    "omegaconf": {"ListConfig": ListConfig},
    "omegaconf.listconfig": {"ListConfig": ListConfig},
    "torchvision": {},
    "torchvision.utils": {"make_grid": make_grid},
}
XFORMERS = ("xformers", "xformers.ops")


@contextmanager
def missing_imports_stood_in_for(*, xformers: bool) -> Iterator[None]:
    """Let the published code import, and see afterwards what is really installed.

    :param xformers: whether the published code may find xFormers, which it then uses; without it, it does not.
    """
    modules: dict[str, ModuleType | None] = {} if xformers else dict.fromkeys(XFORMERS)  # None: cannot be imported
    for name, attributes in STAND_INS.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(attributes)
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]  # None is what keeps a module from being imported
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
