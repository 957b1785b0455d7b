"""Compute wide 3 × 3 convolutions by Winograd's minimal filtering, with fewer products (CPU)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="winograd-convolutions",
    title="Compute wide 3 × 3 convolutions with fewer products",
    kind="module",
    numerics="rounding",
    # Beside these the convolutions are part of a larger program, which its compiler lays out by itself.
    excludes=(
        "compile",
        "compile-regional",
        "compile-freezing",
        "compile-cudagraphs",
        "openvino",
        "bfloat16-autocast",
    ),
    # Measured on the full-size UNet (benchmarks/full_unet.py): on top of packed weights it gains, by itself nothing.
    requires=("prepacked-weights",),
    devices=("cpu",),
    # Before prepacked-weights, which takes what is left.
    order=68,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Give every Conv2d that is wide enough a forward by tiles, where one call of the hot module bears it out."""
    import torch

    from sdprof.fixes.machinery.packing import can_pack, require_onednn
    from sdprof.fixes.machinery.reached import input_of, reached_by
    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop, relative_difference, rounding_limit
    from sdprof.fixes.machinery.winograd import LEAST_CHANNELS, LEAST_TILES, algorithm_for, winograd

    require_onednn()
    _, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.autocast:
        raise DeclinedError("The loop runs under autocast, and only fp32 convolutions are changed")
    if call.ambient.grad:
        raise DeclinedError("The loop records gradients, which these have none of: combine with inference-mode")
    original, reached = reached_by(call, hot_module, {m for m in hot_module.modules() if can_pack(m)})
    inputs = {module: input_of(calls[0]) for module, calls in reached.items()}
    shapes = {module: input.shape for module, input in inputs.items() if input is not None}
    replaced = {
        module: winograd(module, algorithm, shape)
        for module, shape in shapes.items()
        if isinstance(module, torch.nn.Conv2d) and (algorithm := algorithm_for(module, shape)) is not None
    }
    if not replaced:
        raise DeclinedError(
            f"The hot module calls no 3 × 3 convolution of {LEAST_CHANNELS} channels or more on {LEAST_TILES} tiles or "
            "more: narrower or smaller ones are faster as they are"
        )
    for module, replacement in replaced.items():
        vars(module)["forward"] = replacement.forward
    difference = relative_difference(original, call.repeat(hot_module))
    if difference > rounding_limit(original, call.ambient):
        for module in replaced:
            del vars(module)["forward"]
        raise DeclinedError(f"By tiles the output differs by {difference:.1e}, more than rounding explains")
    megabytes = sum(replacement.bytes for replacement in replaced.values()) / 1e6
    return (
        f"{len(replaced)} convolutions are computed by tiles; their transformed weights take {megabytes:.0f} MB.",
        f"One call of the hot module differed by {difference:.1e} of its largest value.",
    )
