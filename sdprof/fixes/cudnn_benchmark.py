"""Let cuDNN time its convolution algorithms once per shape and keep the fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="cudnn-benchmark",
    title="Let cuDNN choose convolution algorithms by timing them",
    kind="runtime",
    numerics="rounding",
    devices=("cuda",),
    order=10,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Turn cuDNN's benchmark mode on in this process."""
    import torch

    if subject.device.type != "cuda":
        raise DeclinedError("cuDNN exists on CUDA devices only")
    if torch.backends.cudnn.benchmark:
        raise DeclinedError("The target already lets cuDNN time its algorithms")
    if torch.backends.cudnn.deterministic:
        raise DeclinedError("The target asks cuDNN for deterministic algorithms, which timing would override")
    torch.backends.cudnn.benchmark = True
    return ("cuDNN times its convolution algorithms at the first call of each shape and keeps the fastest.",)
