"""Which nn.Modules' forwards are running, innermost last."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


def names_of(hot_modules: Mapping[str, torch.nn.Module]) -> dict[torch.nn.Module, str]:
    """Every module in the hot modules → its name from the hot module's on: ``unet``, ``unet.middle.0``.

    A module that is reached by two names has the first.
    """
    names: dict[torch.nn.Module, str] = {}
    for hot_name, hot_module in hot_modules.items():
        for name, module in hot_module.named_modules():
            names.setdefault(module, f"{hot_name}.{name}" if name else hot_name)
    return names


class ModuleStack:
    """Follows the calls of all modules of this process while it is entered."""

    def __init__(self) -> None:
        self.running: list[torch.nn.Module] = []
        self._handles: list[Any] = []

    @property
    def innermost(self) -> torch.nn.Module | None:
        """The module whose forward was entered last and has not returned."""
        return self.running[-1] if self.running else None

    def __enter__(self) -> Self:
        self._handles = [
            register_module_forward_pre_hook(self._enter_module),
            # Also called when the forward raises, so that the stack stays right where the user catches that.
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.running.clear()

    def _enter_module(self, module: torch.nn.Module, _inputs: Any) -> None:
        self.running.append(module)

    def _leave_module(self, module: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        while self.running and self.running.pop() is not module:
            pass
