"""One real call of a module: its arguments, and the modes it was called under."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.subject import Subject

RELATIVE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}
"""Largest difference, over the largest magnitude of the original's output, that counts as rounding: some hundred
units in the last place, which is what sums of thousands of terms in another order differ by."""


@dataclass(frozen=True)
class Ambient:
    """The modes in force where a module was called."""

    grad: bool
    inference: bool
    autocast: bool
    autocast_dtype: torch.dtype
    device_type: str

    @staticmethod
    def here(device_type: str) -> Ambient:
        """The modes in force at the caller."""
        return Ambient(
            grad=torch.is_grad_enabled(),
            inference=torch.is_inference_mode_enabled(),
            autocast=torch.is_autocast_enabled(device_type),
            autocast_dtype=torch.get_autocast_dtype(device_type),
            device_type=device_type,
        )

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The same modes again, but for gradients: a trial never records any."""
        with (
            torch.inference_mode() if self.inference else torch.no_grad(),
            torch.autocast(self.device_type, dtype=self.autocast_dtype, enabled=self.autocast),
        ):
            yield


@dataclass(frozen=True)
class CapturedCall:
    """The arguments of one real call of a module, and the modes around it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    ambient: Ambient

    def repeat(self, forward: Callable[..., Any]) -> Any:
        """Call something with the same arguments under the same modes."""
        with self.ambient.entered():
            return forward(*self.args, **self.kwargs)


def hot_module_of_the_loop(subject: Subject) -> tuple[str, torch.nn.Module]:
    """The hot module whose repeated calls make the steps."""
    if subject.loop is not None and subject.loop.hot_module in subject.hot_modules:
        return subject.loop.hot_module, subject.hot_modules[subject.loop.hot_module]
    return next(iter(subject.hot_modules.items()))


def capture(subject: Subject, hot_module: torch.nn.Module) -> CapturedCall:
    """Run the loop, under the fixes applied so far, until a hot module is called, and keep that call.

    :raises DeclinedError: the module is not called, or this subject cannot be tried.
    """
    if subject.trial_call is None:
        raise DeclinedError("No trial run is possible here, so what this would change cannot be checked first")
    seen: list[Ambient] = []
    hook = hot_module.register_forward_pre_hook(
        lambda _module, _args: seen.append(Ambient.here(subject.device.type)), prepend=True
    )
    try:
        arguments = subject.trial_call(hot_module, "")
    finally:
        hook.remove()
    if arguments is None:
        raise DeclinedError(
            f"The loop never called {type(hot_module).__name__}, so there is no real input to check with"
        )
    args, kwargs = arguments
    return CapturedCall(args, kwargs, seen[0] if seen else Ambient.here(subject.device.type))


def relative_difference(original: Any, candidate: Any) -> float:
    """Largest absolute difference over the largest magnitude of the original, over all tensors of two outputs.

    Infinite where shapes or numbers of tensors differ, or where only one of the two is finite.
    """
    one = [leaf for leaf in tree_leaves(original) if isinstance(leaf, torch.Tensor)]
    two = [leaf for leaf in tree_leaves(candidate) if isinstance(leaf, torch.Tensor)]
    if len(one) != len(two) or any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(one, two, strict=True)):
        return float("inf")
    return max((_relative(a, b) for a, b in zip(one, two, strict=True)), default=0.0)


def _relative(original: torch.Tensor, candidate: torch.Tensor) -> float:
    if original.numel() == 0 or torch.equal(original, candidate):
        return 0.0
    a, b = original.double(), candidate.double()
    difference = (a - b).abs().max().item() / max(a.abs().max().item(), 1e-30)
    return difference if difference == difference else float("inf")  # NaN: only one of the two was finite


def rounding_limit(output: Any, ambient: Ambient) -> float:
    """How far an output may be off and still count as rounding: by the least precise type that takes part."""
    dtypes = {leaf.dtype for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor)}
    if ambient.autocast:
        dtypes.add(ambient.autocast_dtype)
    return max((RELATIVE_TOLERANCE.get(dtype, 0.0) for dtype in dtypes), default=0.0)
