"""Keywords that CUDA alone takes, or takes in other values: checked as CUDA does, left out where the host computes.

``driver`` of the singular values chooses between cuSOLVER's algorithms (aten/src/ATen/native/cuda/linalg/
BatchLinearAlgebraLib.cpp: svd_cusolver), that of least squares must be the one there is (BatchLinearAlgebra.cpp:
linalg_lstsq). ``out_dtype`` makes a product of half precision one of single precision (cuda/Blas.cpp).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdprof.device.dispatch import check_devices, follow_metadata, run_on_host, special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap

_SVD_DRIVERS = (None, "gesvd", "gesvdj", "gesvda")
_HALF = (torch.float16, torch.bfloat16)


def without_svd_driver(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keywords of the singular values as the host takes them.

    :raises RuntimeError: CUDA has no such driver; in the words of its kernel.
    """
    driver = kwargs.get("driver")
    if driver not in _SVD_DRIVERS:
        raise RuntimeError(
            f"torch.linalg.svd: unknown svd driver {driver} in svd_cusolver computation. Check doc at "
            "https://pytorch.org/docs/stable/generated/torch.linalg.svd.html"
        )
    return {name: value for name, value in kwargs.items() if name != "driver"}


def check_lstsq_driver(driver: str | None) -> None:
    """Refuse the drivers of least squares that the host alone has."""
    if driver not in (None, "gels"):
        raise RuntimeError("torch.linalg.lstsq: `driver` other than `gels` is not supported on CUDA")


@special("aten::_linalg_svd")
def svd(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Singular values and vectors, by whatever driver."""
    return run_on_host(plan, args, without_svd_driver(kwargs))


def product(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A product with ``out_dtype``: of the factors in that type, which is how CUDA adds it up."""
    check_devices(plan, args, kwargs)
    given = plan.named(args, kwargs)
    dtype, out = given.pop("out_dtype"), given.pop("out", None)
    added = "self" if "beta" in plan.argument_names else ""
    one, other = [value for name, value in given.items() if isinstance(value, Tensor) and name != added]
    if one.dtype != other.dtype:
        raise RuntimeError(f"expected the factors to have the same dtype, but got: {one.dtype} != {other.dtype}")
    if dtype != one.dtype and not (dtype == torch.float32 and one.dtype in _HALF):
        raise RuntimeError("out_dtype must be the same as input dtype or fp32 for fp16/bf16 inputs")
    if out is not None and out.dtype != dtype:
        raise RuntimeError("out_dtype must be the same as the dtype of the provided out tensor")
    on_host = {name: _as(dtype, value) for name, value in given.items()}
    compute = getattr(torch.ops.aten, plan.name.removeprefix("aten::"))
    if out is None:
        return wrap(compute.default(**on_host))
    compute.out(**on_host, out=out.host)
    follow_metadata(out)
    return out


def _as(dtype: torch.dtype, value: Any) -> Any:
    if isinstance(value, SimulatedTensor):
        return value.host.to(dtype)
    return value.to(dtype) if isinstance(value, Tensor) else value
