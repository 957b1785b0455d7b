"""Hear of every call of a module, eager or compiled, at the moment it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

Returned = TypeVar("Returned")


def run_from_here(run: Callable[[], Returned]) -> Returned:
    """Call ``run``; whoever walks the stack from inside stops at this frame, for what is above is the audit's own."""
    return run()


STACK_BASE = run_from_here.__code__


@contextmanager
def on_each_call(
    module: torch.nn.Module, heard: Callable[[], None], returned: Callable[[], None] | None = None
) -> Iterator[None]:
    """Call ``heard()`` at the start of every call of ``module``, on the stack of the caller, ``returned()`` at its end.

    A call of ``module.forward`` that bypasses ``module(...)`` is not heard.
    """
    ended = returned or _nothing
    compiled_call = getattr(module, "_compiled_call_impl", None)
    if compiled_call is None:
        start = module.register_forward_pre_hook(lambda _module, _inputs: heard(), prepend=True)
        end = module.register_forward_hook(lambda _module, _inputs, _output: ended(), always_call=True)
        try:
            yield
        finally:
            start.remove()
            end.remove()
        return

    # Dynamo traces the hooks of a module that was compiled in place and never looks at them again
    # (config.skip_nnmodule_hook_guards), so a hook that comes later is not called. The compiled entry is.
    def heard_call(*arguments: Any, **named: Any) -> Any:
        heard()
        try:
            return compiled_call(*arguments, **named)
        finally:
            ended()

    module._compiled_call_impl = heard_call
    try:
        yield
    finally:
        module._compiled_call_impl = compiled_call


def _nothing() -> None: ...
