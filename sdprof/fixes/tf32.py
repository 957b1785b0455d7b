"""Let CUDA matrix products and convolutions of fp32 tensors run on the tensor cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="tf32",
    title="Compute fp32 matrix products and convolutions in TF32",
    kind="runtime",
    numerics="rounding",
    devices=("cuda",),
    order=10,
)

AMPERE = (8, 0)
"""The first compute capability with TF32 tensor cores."""


def apply(subject: Subject) -> tuple[str, ...]:
    """Turn TF32 on for cuBLAS and cuDNN in this process."""
    import torch

    if subject.device.type != "cuda":
        raise DeclinedError("TF32 exists on CUDA devices only")
    if torch.cuda.get_device_capability(subject.device) < AMPERE:
        raise DeclinedError(f"{torch.cuda.get_device_name(subject.device)} is older than Ampere and has no TF32")
    if torch.get_float32_matmul_precision() != "highest" and torch.backends.cudnn.allow_tf32:
        raise DeclinedError("The target already computes in TF32")
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    return ("Matrix products and convolutions of fp32 tensors may use TF32: 10 bits of fraction instead of 23.",)
