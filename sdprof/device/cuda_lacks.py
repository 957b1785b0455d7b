"""What the CPU computes and CUDA refuses: operators without a CUDA kernel, and types that a CUDA kernel does not take.

The first are those of native_functions.yaml that name the CPU and not CUDA. The second are those that image and
language models meet: products of integers (aten/src/ATen/native/cuda/Blas.cpp, Dot in cuda/Blas.cpp) and interpolation
of bytes (cuda/UpSampleBilinear2d.cu, UpSampleBicubic2d.cu).
"""

from __future__ import annotations

from typing import Any

import torch

from sdprof.device.cuda_keywords import product
from sdprof.device.dispatch import run_on_host, special
from sdprof.device.operator_plan import OperatorPlan

CPU_ALONE = (
    "aten::histogram",
    "aten::_histogramdd_bin_edges",
    "aten::_histogramdd_from_bin_cts",
    "aten::_histogramdd_from_bin_tensors",
)
FLOATING_ALONE = {
    "aten::mm": "addmm_cuda",
    "aten::addmm": "addmm_cuda",
    "aten::bmm": "baddbmm_cuda",
    "aten::baddbmm": "baddbmm_cuda",
    "aten::mv": "addmv_impl_cuda",
    "aten::addmv": "addmv_impl_cuda",
    "aten::dot": "dot",
    "aten::vdot": "vdot",
    "aten::upsample_bilinear2d": "upsample_bilinear2d_out_frame",
    "aten::upsample_bicubic2d": "upsample_bicubic2d_out_frame",
}
"""Operators of floating point alone, with the name under which their kernel complains."""
_REFUSED = {
    torch.uint8: "Byte",
    torch.int8: "Char",
    torch.int16: "Short",
    torch.int32: "Int",
    torch.int64: "Long",
    torch.bool: "Bool",
}


@special(*CPU_ALONE)
def no_kernel(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Refuse with the words of PyTorch's dispatcher."""
    raise NotImplementedError(
        f"Could not run '{plan.func.name()}' with arguments from the 'CUDA' backend. This could be because the "  # type: ignore[no-untyped-call]
        "operator doesn't exist for this backend."
    )


@special(*FLOATING_ALONE)
def floating_alone(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Refuse whole numbers with the words of the kernel."""
    if args[0].dtype in _REFUSED:
        raise NotImplementedError(f"\"{FLOATING_ALONE[plan.name]}\" not implemented for '{_REFUSED[args[0].dtype]}'")
    if plan.func._overloadname.startswith("dtype"):
        return product(plan, args, kwargs)
    return run_on_host(plan, args, kwargs)
