"""Operators that CUDA has in half precision and the CPU has not: computed in single precision and rounded.

CUDA's kernels for these, too, add up in single precision (aten/src/ATen/native/cuda/UpSampleBilinear2d.cu)
or are cuFFT's own, which takes sizes that are powers of two alone (cuda/CuFFTPlanCache.h). There is no CPU run whose
bits they could have.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdprof.device.dispatch import run_on_host, special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap

_WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}
_NARROWER = {torch.float32: torch.float16, torch.complex64: torch.complex32}


@special(
    "aten::_upsample_bilinear2d_aa",
    "aten::_upsample_bicubic2d_aa",
    "aten::_upsample_bilinear2d_aa_backward",
    "aten::_upsample_bicubic2d_aa_backward",
)
def rounded(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute in single precision."""
    given = args[0]
    if given.dtype not in _WIDER:
        return run_on_host(plan, args, kwargs)
    return wrap(plan.func(_wider(given), *args[1:], **kwargs).to(given.dtype))


@special("aten::_fft_r2c", "aten::_fft_c2r", "aten::_fft_c2c")
def transformed(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Fourier transform; in half precision as cuFFT does."""
    given, dimensions = args[0], args[1]
    if given.dtype not in _WIDER:
        return run_on_host(plan, args, kwargs)
    sizes = [given.shape[dimension] for dimension in dimensions]
    if plan.name == "aten::_fft_c2r":
        sizes[-1] = args[3]
    if any(size & (size - 1) for size in sizes):
        raise RuntimeError(
            "cuFFT only supports dimensions whose sizes are powers of two when computing in half precision, "
            f"but got a signal size of{sizes}"
        )
    result = plan.func(_wider(given), *args[1:], **kwargs)
    return wrap(result.to(_NARROWER[result.dtype]))


def _wider(tensor: SimulatedTensor) -> Tensor:
    return tensor.host.to(_WIDER[tensor.dtype])
