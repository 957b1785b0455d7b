"""Singular values and eigenvalues alone: PyTorch leaves the vectors out only where nothing could need them.

For a tensor of a class of its own it asks for the vectors, too (aten/src/ATen/native/BatchLinearAlgebra.cpp:
linalg_svdvals, _may_require_fw_or_bw_grad), and LAPACK's two ways round differently. So the choice is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd import forward_ad

from sdprof.device import current
from sdprof.device.cuda_keywords import without_svd_driver
from sdprof.device.dispatch import special, taken_apart
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.synchronising_ops import synchronising
from sdprof.device.tensor import SimulatedTensor, wrap

_WHOLE = {"aten::linalg_svdvals": torch.ops.aten._linalg_svd, "aten::linalg_eigvalsh": torch.ops.aten._linalg_eigh}


def kernels() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what stands in PyTorch's dispatcher before autograd, by operator."""
    for name in _WHOLE:
        plan = OperatorPlan(getattr(torch.ops.aten, name.removeprefix("aten::")).default)
        yield name.removeprefix("aten::"), _before_autograd(plan)


@special(*_WHOLE)
def values(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The values alone, by the host; the wait is that of the operator that PyTorch would call."""
    if type(args[0]) is not SimulatedTensor or plan.func._overloadname != "default":
        return taken_apart(plan.func, args, kwargs)
    if plan.name == "aten::linalg_svdvals":
        kwargs = without_svd_driver(kwargs)
    solver = _WHOLE[plan.name].default
    waits = synchronising(solver)
    assert waits is not None
    current.record("SYNC", solver._schema.name, waits.reason)
    return wrap(plan.func(args[0].host, *args[1:], **kwargs))


def _before_autograd(plan: OperatorPlan) -> Callable[..., Any]:
    def kernel(*args: Any, **kwargs: Any) -> Any:
        given = args[0]
        needs_vectors = torch.is_grad_enabled() and given.requires_grad
        if needs_vectors or forward_ad._current_level >= 0:
            return taken_apart(plan.func, args, kwargs)
        return values(plan, args, kwargs)

    return kernel
