"""Run the loop under inference mode, with frozen parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="inference-mode",
    title="Run under inference mode with frozen parameters",
    kind="runtime",
    numerics="exact",
    order=35,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Enter ``torch.inference_mode`` around every run and freeze the parameters, where that does not cost casts.

    Autocast keeps its half-precision copies of weights that require grad, of no others, and of none at all under
    inference mode. Where it casts fp32 weights, gradients are only turned off, and the weights stay as they are; after
    half-weights there is nothing left to cast, so the whole fix acts.
    """
    import torch

    modules = tuple(subject.hot_modules.values())
    casts_to, grad = _seen(subject)
    if casts_to is not None and any(_casts_weights_of(module) for module in modules):
        if not grad:
            raise DeclinedError(
                f"Under inference mode autocast would cast every fp32 weight to {casts_to} on every call, and the loop "
                "records no gradients already: combine with half-weights"
            )
        subject.around_run.append(torch.no_grad)
        return (
            f"The loop runs under no_grad; inference mode would make autocast cast every weight to {casts_to} on every "
            "call, and so would frozen parameters.",
        )
    subject.around_run.append(torch.inference_mode)
    for module in modules:
        module.requires_grad_(False)
    return ("The loop runs under inference mode.", "The parameters of the hot modules are frozen.")


def _seen(subject: Subject) -> tuple[torch.dtype | None, bool]:
    """The type that the loop's autocast casts to, and whether gradients are recorded: seen in a trial.

    Where no trial is possible, the target's type stands for autocast, and gradients are taken to be off.
    """
    import torch

    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop

    if subject.trial_call is None:
        return {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(subject.dtype or ""), False
    ambient = capture(subject, hot_module_of_the_loop(subject)[1]).ambient
    return (ambient.autocast_dtype if ambient.autocast else None), ambient.grad


def _casts_weights_of(module: torch.nn.Module) -> bool:
    import torch

    layers = (torch.nn.Linear, torch.nn.modules.conv._ConvNd, torch.nn.MultiheadAttention)
    return any(
        parameter.dtype == torch.float32
        for layer in module.modules()
        if isinstance(layer, layers)
        for parameter in layer.parameters(recurse=False)
    )
