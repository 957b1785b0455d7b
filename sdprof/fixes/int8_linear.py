"""Compute linear layers in 8-bit integers, their inputs quantised as they come (dynamic quantisation; CPU)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="int8-linear",
    title="Compute linear layers in 8-bit integers",
    kind="module",
    numerics="lossy",
    group="compile",
    devices=("cpu",),
    order=68,
)

LARGEST_INT8 = 127


def apply(subject: Subject) -> tuple[str, ...]:
    """Give every plain fp32 Linear that a call of the hot module reaches a forward with an int8 copy of its weight.

    Weights are quantised once, symmetrically, with a scale for each output; inputs on every call, with one scale.
    """
    import torch

    from sdprof.fixes.machinery.packing import can_pack
    from sdprof.fixes.machinery.reached import reached_by
    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop, relative_difference

    _require_int8()
    _, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.autocast:
        raise DeclinedError("The loop runs under autocast, and only fp32 layers are quantised")
    if call.ambient.grad:
        raise DeclinedError("The loop records gradients, which 8-bit weights have none of: combine with inference-mode")
    linear = [each for each in hot_module.modules() if isinstance(each, torch.nn.Linear)]
    original, reached = reached_by(call, hot_module, [each for each in linear if can_pack(each)])
    if not reached:
        raise DeclinedError("The hot module calls no fp32 Linear whose forward is PyTorch's own")
    for layer in reached:
        vars(layer)["forward"] = _quantised(layer)
    difference = relative_difference(original, call.repeat(hot_module))
    if difference == float("inf"):
        for layer in reached:
            del vars(layer)["forward"]
        raise DeclinedError("With 8-bit weights the output is not finite")
    return (
        f"{len(reached)} linear layers compute in 8-bit integers.",
        f"One call of the hot module differed by {difference:.1e} of its largest value.",
    )


def _quantised(layer: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    weight = layer.weight.detach()
    scales = (weight.abs().amax(dim=1) / LARGEST_INT8).clamp_min(torch.finfo(weight.dtype).tiny)
    zero_points = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # quantised tensors are to go in some later release
        values = torch.quantize_per_channel(weight, scales.double(), zero_points, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(values, None if layer.bias is None else layer.bias.detach())
    original = layer.forward
    quantised: Callable[..., torch.Tensor] = torch.ops.quantized.linear_dynamic

    def forward(input: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or input.dtype != torch.float32:
            return original(input)
        # Processors without VNNI add pairs of products in 16 bits: the input's range is halved, so that none overflow.
        return quantised(input, packed, reduce_range=True)

    return forward


def _require_int8() -> None:
    import torch

    if not {"x86", "fbgemm"} & set(torch.backends.quantized.supported_engines) or not all(
        hasattr(torch, name) for name in ("quantize_per_channel", "qint8")
    ):
        raise DeclinedError("This build of PyTorch has no operators for 8-bit linear layers")
