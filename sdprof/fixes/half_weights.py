"""Store in half precision the weights that autocast casts to half precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.machinery.trial import CapturedCall
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="half-weights",
    title="Store weights in the precision that autocast casts them to",
    kind="module",
    numerics="exact",
    removes=("redundant-casts",),
    devices=("cuda", "cpu"),
    order=30,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Round the fp32 weights of matrix products and convolutions once, as autocast does on every call.

    Autocast rounds the same weights to the same halves, so the bits stay. That is so only where autocast is on at
    every call of a layer, which a trial sees; norms, embeddings and layers in fp32 islands keep their weights.
    """
    import torch

    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop

    name, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    low = call.ambient.autocast_dtype
    if not call.ambient.autocast:
        raise DeclinedError("The loop does not run under autocast")
    original, layers = _layers_cast_at_every_call(call, hot_module)
    shared = _parameters_of_others(subject, set(layers))
    parameters = [
        p
        for layer in layers
        for p in layer.parameters(recurse=False)
        if id(p) not in shared and p.dtype == torch.float32
    ]
    if not parameters:
        raise DeclinedError(f"Autocast casts no fp32 weight of {name}")
    single = [parameter.data for parameter in parameters]
    for parameter in parameters:
        parameter.data = parameter.data.to(low)
    if not _bit_equal(original, call.repeat(hot_module)):
        for parameter, data in zip(parameters, single, strict=True):
            parameter.data = data
        raise DeclinedError(
            "The code reads the type of its weights: with half weights the output was not the same bits"
        )
    spared = sum(data.numel() * (data.element_size() - low.itemsize) for data in single)
    return (f"{len(parameters)} tensors of {name} are stored as {low}, {spared / 1e6:.0f} MB less; norms stay fp32.",)


def _layers_cast_at_every_call(call: CapturedCall, hot_module: torch.nn.Module) -> tuple[Any, set[torch.nn.Module]]:
    """Call the hot module; its output, and the layers of autocast's low-precision list that ran under autocast only."""
    import torch

    kinds = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
    under: dict[torch.nn.Module, bool] = {}
    device_type = call.ambient.device_type

    def note(module: torch.nn.Module, _args: tuple[Any, ...]) -> None:
        on = (
            torch.is_autocast_enabled(device_type)
            and torch.get_autocast_dtype(device_type) == call.ambient.autocast_dtype
        )
        under[module] = under.get(module, True) and on

    hooks = [m.register_forward_pre_hook(note) for m in hot_module.modules() if isinstance(m, kinds)]
    try:
        output = call.repeat(hot_module)
    finally:
        for hook in hooks:
            hook.remove()
    return output, {module for module, always in under.items() if always}


def _parameters_of_others(subject: Subject, layers: set[torch.nn.Module]) -> set[int]:
    """Identities of the parameters that modules other than these layers hold too (tied weights)."""
    return {
        id(parameter)
        for hot_module in subject.hot_modules.values()
        for module in hot_module.modules()
        if module not in layers
        for parameter in module.parameters(recurse=False)
    }


def _bit_equal(original: Any, candidate: Any) -> bool:
    from sdprof.fixes.machinery.trial import relative_difference

    return relative_difference(original, candidate) == 0.0
