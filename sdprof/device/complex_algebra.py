"""Solvers of complex matrices, which conjugate inside.

A conjugate is a view with a bit that PyTorch's dispatcher resolves before a kernel is called. Inside
``__torch_dispatch__`` it does not: there, an operator that is put together of others would compute with the plain
matrix. (aten/src/ATen/core/PythonFallbackKernel.cpp excludes the keys that come before Python's.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sdprof.device.cuda_keywords import check_lstsq_driver
from sdprof.device.dispatch import run_on_host, special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor

CONJUGATING = ("aten::linalg_pinv", "aten::linalg_lstsq", "aten::linalg_lu_solve")


@special(*CONJUGATING)
def solve(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run one, and resolve what it returns: the device tensor has no such bit."""
    if plan.name == "aten::linalg_lstsq":
        check_lstsq_driver(kwargs.get("driver"))
    with conjugates_are_seen():
        result = run_on_host(plan, args, kwargs)
    for each in result if isinstance(result, (list, tuple)) else (result,):
        if isinstance(each, SimulatedTensor):
            each.host = resolved(each.host)
    return result


def resolved(host: Tensor) -> Tensor:
    """The same values without the bits that stand for a conjugate and a change of sign."""
    return host.resolve_conj().resolve_neg()


@contextmanager
def conjugates_are_seen() -> Iterator[None]:
    """Let the dispatcher resolve conjugates, as it does outside of ``__torch_dispatch__``."""
    keys = torch._C.DispatchKey
    with (
        torch._C._SetExcludeDispatchKeyGuard(keys.Conjugate, False),
        torch._C._SetExcludeDispatchKeyGuard(keys.Negative, False),
    ):
        yield
