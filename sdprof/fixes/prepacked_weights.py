"""Reorder the weights of convolutions and linear layers once, not on every call (CPU)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="prepacked-weights",
    title="Reorder weights for oneDNN once, not on every call",
    kind="module",
    numerics="rounding",
    removes=("layout-conversion",),
    group="compile",
    devices=("cpu",),
    order=70,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Give every Conv2d and Linear that the loop's hot module calls a forward with a packed copy of its weight."""
    import torch

    from sdprof.fixes.machinery.packing import can_pack, pack, require_onednn
    from sdprof.fixes.machinery.reached import input_of, reached_by
    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop, relative_difference, rounding_limit

    require_onednn()
    _, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.autocast:
        raise DeclinedError("The loop runs under autocast, and only fp32 weights are packed")
    if call.ambient.grad:
        raise DeclinedError(
            "The loop records gradients, which packed weights have none of: combine with inference-mode"
        )
    original, reached = reached_by(call, hot_module, {m for m in hot_module.modules() if can_pack(m)})
    inputs = {module: input_of(calls[0]) for module, calls in reached.items()}
    shapes = {module: input.shape for module, input in inputs.items() if input is not None and input.dim() > 0}
    if not shapes:
        raise DeclinedError("The hot module calls no fp32 Conv2d or Linear whose forward is PyTorch's own")
    packed = {module: pack(module, shape) for module, shape in shapes.items()}
    for module, replacement in packed.items():
        vars(module)["forward"] = replacement.forward
    difference = relative_difference(original, call.repeat(hot_module))
    if difference > rounding_limit(original, call.ambient):
        for module in packed:
            del vars(module)["forward"]
        raise DeclinedError(f"With packed weights the output differs by {difference:.1e}, more than rounding explains")
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in packed)
    megabytes = sum(replacement.bytes for replacement in packed.values()) / 1e6
    return (
        f"Packed the weights of {convolutions} convolutions and {len(packed) - convolutions} linear layers once; "
        f"the copies take {megabytes:.0f} MB.",
        f"One call of the hot module differed by {difference:.1e} of its largest value.",
    )
