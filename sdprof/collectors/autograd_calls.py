"""Hear the calls of autograd functions and of gradient checkpointing, which a dispatch mode does not see."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.checkpoint


@contextmanager
def heard_without_grad(hear: Callable[[str], None]) -> Iterator[None]:
    """Tell the name of every ``torch.autograd.Function`` that is applied, and of every
    ``torch.utils.checkpoint.checkpoint``, while grad is off: work that only a backward pass would want.
    """
    applied = torch.autograd.Function.__dict__["apply"]
    checkpoint = torch.utils.checkpoint.checkpoint

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            hear(cls.__name__)
        return applied.__get__(None, cls)(*args, **kwargs)

    @functools.wraps(checkpoint)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            hear("checkpoint")
        return checkpoint(*args, **kwargs)

    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[method-assign, assignment]
    torch.utils.checkpoint.checkpoint = checkpointed
    try:
        yield
    finally:
        torch.autograd.Function.apply = applied  # type: ignore[method-assign]
        torch.utils.checkpoint.checkpoint = checkpoint
