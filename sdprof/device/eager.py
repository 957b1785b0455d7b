"""The user's own ``torch.compile`` under simulation: the code runs eagerly, so that every copy and wait is seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


@contextmanager
def compiled_code_runs_eagerly() -> Iterator[None]:
    """Have compiled functions call what they were made of while the block runs.

    The compiler is a second's import: it is left alone until somebody compiles.
    """
    plain = torch.compile
    with ExitStack() as stances:

        def force() -> None:
            if not forced:
                forced.append(True)
                stances.enter_context(torch.compiler.set_stance("force_eager"))

        def compile_eagerly(*args: Any, **kwargs: Any) -> Any:
            force()
            return plain(*args, **kwargs)

        forced: list[bool] = []
        if "torch._dynamo" in sys.modules:
            force()
        torch.compile = compile_eagerly
        try:
            yield
        finally:
            torch.compile = plain
