"""A forward that keeps its last result for as long as its input stays the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch


class InputChangedError(RuntimeError):
    """On a device that is never waited for, an input had changed although the baseline saw it constant."""


@dataclass(frozen=True)
class _Kept:
    input: torch.Tensor
    """A copy: the caller may write to its own."""
    output: torch.Tensor
    modes: tuple[Any, ...]


class CachedForward:
    """Stand-in for the ``forward`` of a module of one tensor argument and one tensor result, without randomness.

    Whoever calls gets a copy of the kept result, since it may be written to. The module's weights must not change
    during a run; ``forget`` is called between runs. Where gradients are recorded, and while code is traced or compiled,
    the module's own forward runs.
    """

    def __init__(self, module: torch.nn.Module, device_type: str) -> None:
        self._original: Callable[[torch.Tensor], torch.Tensor] = module.forward
        self._device_type = device_type
        self._kept: _Kept | None = None
        self._changed: torch.Tensor | None = None

    def __call__(self, input: torch.Tensor) -> torch.Tensor:
        """The module's output for this input, computed or kept."""
        if (
            torch.compiler.is_compiling()
            or torch._C._get_tracing_state() is not None
            or torch.is_grad_enabled()
            or type(input) is not torch.Tensor
        ):
            return self._original(input)
        kept = self._kept
        modes = _modes(self._device_type)
        if kept is None or kept.modes != modes or not self._same(kept.input, input):
            kept = _Kept(input.clone(), self._original(input), modes)
            self._kept = kept
        return kept.output.clone()

    def forget(self) -> None:
        """Drop what is kept: a run begins."""
        self._kept = None

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """Around a run on a device that is not waited for: raise at its end if an input had changed."""
        self._changed = None
        yield
        changed: torch.Tensor | None = self._changed  # set while the run went on
        if changed is not None and bool(changed):
            raise InputChangedError(
                "cached-invariant-calls does not hold for this loop: an input changed during the run; leave the fix out"
            )

    def _same(self, kept: torch.Tensor, now: torch.Tensor) -> bool:
        if kept.shape != now.shape or kept.dtype != now.dtype or kept.device != now.device:
            return False
        if not self._waits_for_nothing(now.device):
            return torch.equal(kept, now)
        differs = torch.ne(kept, now).any()
        self._changed = differs if self._changed is None else torch.logical_or(self._changed, differs)
        return True

    def _waits_for_nothing(self, device: torch.device) -> bool:
        """Whether reading a value from the device would stall the loop."""
        return device.type != "cpu"


def _modes(device_type: str) -> tuple[Any, ...]:
    return (
        torch.is_autocast_enabled(device_type),
        torch.get_autocast_dtype(device_type),
        torch.is_inference_mode_enabled(),
    )
