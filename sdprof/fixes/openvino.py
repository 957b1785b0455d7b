"""Run the hot module in OpenVINO (CPU)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="openvino",
    title="Run the hot module in OpenVINO",
    kind="module",
    numerics="rounding",
    removes=("eager-dispatch", "layout-conversion"),
    group="compile",
    devices=("cpu",),
    compiles=True,
    order=80,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Convert the hot module of the loop from one real call, and have calls of the same form answered by OpenVINO.

    Other shapes, other values of arguments that are no tensors, and calls that record gradients go to the module.
    """
    import importlib.util

    import torch

    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop, relative_difference, rounding_limit

    if importlib.util.find_spec("openvino") is None:
        raise DeclinedError("OpenVINO is not installed: pip install 'sdprof[openvino]'")
    name, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.autocast or any(p.dtype != torch.float32 for p in hot_module.parameters()):
        raise DeclinedError(f"{name} computes in reduced precision, and only fp32 modules are converted")
    if call.ambient.grad:
        raise DeclinedError("The loop records gradients, which OpenVINO has none of: combine with inference-mode")

    from sdprof.fixes.machinery.checkpoint_calls import called_through, watched
    from sdprof.fixes.machinery.openvino_forward import ConversionError, OpenVinoForward

    with watched() as checkpointing:
        expected = call.repeat(hot_module)
    try:
        # An autograd function is a closed box to the converter's tracer.
        with called_through(checkpointing.wrappers, by_torch=checkpointing.by_torch > 0):
            forward = OpenVinoForward(hot_module, call.args, call.kwargs, expected)
        obtained = call.repeat(forward)
    except ConversionError as error:
        raise DeclinedError(str(error)) from error
    difference = relative_difference(expected, obtained)
    if difference > rounding_limit(expected, call.ambient):
        raise DeclinedError(f"Converted, {name} gives an output that differs by {difference:.1e}: more than rounding")
    vars(hot_module)["forward"] = forward
    return (
        f"{name} runs in OpenVINO {forward.version} in fp32, for calls of the shapes that were seen.",
        f"One call differed by {difference:.1e} of its largest value.",
    )
