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
def on_each_call(module: torch.nn.Module, heard: Callable[[], None]) -> Iterator[None]:
    """Call ``heard()`` at the start of every call of ``module``, on the stack of the caller.

    A call of ``module.forward`` that bypasses ``module(...)`` is not heard.
    """
    compiled_call = getattr(module, "_compiled_call_impl", None)
    if compiled_call is None:
        handle = module.register_forward_pre_hook(lambda _module, _inputs: heard(), prepend=True)
        try:
            yield
        finally:
            handle.remove()
        return

    # Dynamo traces the hooks of a module that was compiled in place and never looks at them again
    # (config.skip_nnmodule_hook_guards), so a hook that comes later is not called. The compiled entry is.
    def heard_call(*arguments: Any, **named: Any) -> Any:
        heard()
        return compiled_call(*arguments, **named)

    module._compiled_call_impl = heard_call  # type: ignore[assignment]
    try:
        yield
    finally:
        module._compiled_call_impl = compiled_call
