"""Calls of gradient checkpointing: seeing them, and calling straight through to what they wrap."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
import torch.utils.checkpoint
from torch.utils._pytree import tree_leaves

FunctionClass = type[torch.autograd.Function]

CHECKPOINT_OPTIONS = frozenset(
    {"use_reentrant", "context_fn", "determinism_check", "debug", "early_stop", "preserve_rng_state"}
)
"""Keywords that ``torch.utils.checkpoint.checkpoint`` keeps for itself."""


class Context:
    """Stands in for the ``ctx`` of an autograd function whose backward will never run."""

    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *_tensors: Any) -> None:
        """Save nothing."""

    def mark_non_differentiable(self, *_tensors: Any) -> None:
        """Mark nothing."""

    def set_materialize_grads(self, _value: bool) -> None:
        """Set nothing."""


class CheckpointCalls:
    """What a piece of code called while it was watched."""

    def __init__(self) -> None:
        self.count = 0
        self.by_torch = 0
        """Calls of ``torch.utils.checkpoint.checkpoint``."""
        self.functions: dict[FunctionClass, bool] = {}
        """Autograd functions that were given something to call; True while each call was a mere wrapper of it."""

    @property
    def wrappers(self) -> tuple[FunctionClass, ...]:
        """Autograd functions that do nothing in their forward but call what they were given."""
        return tuple(kind for kind, is_wrapper in self.functions.items() if is_wrapper)


@contextlib.contextmanager
def watched() -> Iterator[CheckpointCalls]:
    """Note checkpointing in the code that runs inside; it computes what it always did."""
    calls = CheckpointCalls()
    apply = torch.autograd.Function.__dict__["apply"]
    checkpoint = torch.utils.checkpoint.checkpoint

    def watching_apply(cls: FunctionClass, *args: Any, **kwargs: Any) -> Any:
        by_torch = cls.__module__.partition(".")[0] == "torch"  # its own wrapper is seen where it is called from
        if by_torch or kwargs or not any(_is_code(arg) for arg in args) or _sets_up_context_apart(cls):
            return apply.__get__(None, cls)(*args, **kwargs)
        output, is_wrapper = _forward_watched(cls, args)
        calls.count += is_wrapper
        calls.functions[cls] = calls.functions.get(cls, True) and is_wrapper
        return output

    @functools.wraps(checkpoint)
    def watching_checkpoint(*args: Any, **kwargs: Any) -> Any:
        calls.count += 1
        calls.by_torch += 1
        return checkpoint(*args, **kwargs)

    type.__setattr__(torch.autograd.Function, "apply", classmethod(watching_apply))
    with _replaced_everywhere(checkpoint, watching_checkpoint):
        try:
            yield calls
        finally:
            type.__setattr__(torch.autograd.Function, "apply", apply)


@contextlib.contextmanager
def called_through(functions: tuple[FunctionClass, ...], by_torch: bool) -> Iterator[None]:
    """Call what checkpointing wraps directly, wherever no gradients are recorded."""
    own = {kind: vars(kind).get("apply") for kind in functions}
    for kind in functions:
        type.__setattr__(kind, "apply", staticmethod(_straight_apply(kind, kind.apply)))
    original = torch.utils.checkpoint.checkpoint

    @functools.wraps(original)
    def straight(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if torch.is_grad_enabled():
            return original(function, *args, **kwargs)
        return function(*args, **{name: value for name, value in kwargs.items() if name not in CHECKPOINT_OPTIONS})

    try:
        with _replaced_everywhere(original, straight) if by_torch else contextlib.nullcontext():
            yield
    finally:
        for kind, apply in own.items():
            if apply is None:
                type.__delattr__(kind, "apply")
            else:
                type.__setattr__(kind, "apply", apply)


def _straight_apply(kind: FunctionClass, original: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*args: Any) -> Any:
        if torch.is_grad_enabled():
            return original(*args)
        return kind.forward(Context(), *args)

    return apply


def _forward_watched(cls: FunctionClass, args: tuple[Any, ...]) -> tuple[Any, bool]:
    """Run a function's forward; whether it called the code it was given once, without gradients, and no more."""
    results: list[tuple[Any, bool]] = []

    def noted(code: Callable[..., Any]) -> Callable[..., Any]:
        def call(*inner: Any, **named: Any) -> Any:
            result = code(*inner, **named)
            results.append((result, torch.is_grad_enabled()))
            return result

        return call

    output = cls.forward(Context(), *(noted(arg) if _is_code(arg) else arg for arg in args))
    if len(results) != 1 or results[0][1]:
        return output, False
    given, returned = tree_leaves(results[0][0]), tree_leaves(output)
    return output, len(given) == len(returned) and all(a is b for a, b in zip(given, returned, strict=True))


def _is_code(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | torch.Tensor)


def _sets_up_context_apart(cls: FunctionClass) -> bool:
    """Whether a function keeps its context out of ``forward``, which then takes no ``ctx``."""
    return cls.setup_context is not torch.autograd.Function.setup_context


@contextlib.contextmanager
def _replaced_everywhere(function: Callable[..., Any], replacement: Callable[..., Any]) -> Iterator[None]:
    """Put another function wherever a module holds one by name: ``from … import`` has copied the reference."""
    places = [(module, name) for module in list(sys.modules.values()) for name in _names_of(module, function)]
    for module, name in places:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, function)


def _names_of(module: ModuleType | None, function: Callable[..., Any]) -> list[str]:
    # Read past __getattr__: lazy packages would import all they have.
    return [name for name, value in list(getattr(module, "__dict__", {}).items()) if value is function]
