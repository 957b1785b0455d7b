"""Do without gradient checkpointing where no gradients are recorded."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.machinery.checkpoint_calls import CheckpointCalls
    from sdprof.fixes.machinery.trial import CapturedCall
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="checkpoint-bypass",
    title="Do without gradient checkpointing in inference",
    kind="module",
    numerics="exact",
    removes=("checkpoint-in-inference",),
    group="checkpoint",
    order=20,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Turn off the flags that switch checkpointing on, and call through the wrappers that have no flag.

    A flag counts as the switch if, once it is off, fewer checkpointing calls happen and the output has the same bits.
    """
    from sdprof.fixes.machinery.checkpoint_calls import called_through
    from sdprof.fixes.machinery.trial import capture

    did: list[str] = []
    for name, hot_module in subject.hot_modules.items():
        call = capture(subject, hot_module)
        if call.ambient.grad:
            raise DeclinedError(
                "Gradients are recorded, and checkpointing may be what makes them fit: combine with inference-mode"
            )
        output, calls = _observed(call, hot_module)
        if not calls.count:
            continue
        for (kind, attribute), modules in _flags(hot_module).items():
            _set(modules, attribute, False)
            without, fewer = _observed(call, hot_module)
            if fewer.count < calls.count and _same_bits(output, without):
                did.append(f"{name}: set {attribute} to False on {len(modules)} modules of class {kind.__name__}.")
                calls = fewer
            else:
                _set(modules, attribute, True)
        functions, by_torch = calls.wrappers, calls.by_torch > 0
        if functions or by_torch:
            subject.around_run.append(functools.partial(called_through, functions, by_torch))
            wrappers = [kind.__name__ for kind in functions] + ["torch.utils.checkpoint.checkpoint"] * by_torch
            did.append(f"{name}: {calls.count} calls of {' and '.join(wrappers)} go straight to what they wrap.")
    if not did:
        raise DeclinedError("No call of the hot modules went through gradient checkpointing")
    return tuple(did)


def _observed(call: CapturedCall, hot_module: torch.nn.Module) -> tuple[Any, CheckpointCalls]:
    from sdprof.fixes.machinery.checkpoint_calls import watched

    with watched() as calls:
        return call.repeat(hot_module), calls


def _flags(hot_module: torch.nn.Module) -> dict[tuple[type[torch.nn.Module], str], list[torch.nn.Module]]:
    """Attributes that are True and speak of checkpointing, by class and name."""
    flags: dict[tuple[type[torch.nn.Module], str], list[torch.nn.Module]] = defaultdict(list)
    for module in hot_module.modules():
        for name, value in vars(module).items():
            if value is True and "checkpoint" in name.lower():
                flags[type(module), name].append(module)
    return flags


def _set(modules: list[torch.nn.Module], attribute: str, value: bool) -> None:
    for module in modules:
        setattr(module, attribute, value)


def _same_bits(one: Any, two: Any) -> bool:
    from sdprof.fixes.machinery.trial import relative_difference

    return relative_difference(one, two) == 0.0
