"""Compile the hot module with its weights frozen into the compiled code (CPU)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="compile-freezing",
    title="Compile the hot module with frozen, prepacked weights",
    kind="module",
    numerics="rounding",
    removes=("eager-dispatch", "layout-conversion"),
    group="compile",
    devices=("cpu",),
    compiles=True,
    least_budget_seconds_on_cpu=600,
    order=80,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Compile the hot module of the loop with Inductor's freezing, which packs weights for oneDNN and fuses into them.

    Freezing acts only without gradients, so the runs are under ``no_grad`` and the weights no longer require any.
    """
    import torch
    import torch._inductor.config as inductor

    from sdprof.fixes.machinery.compiling import prepare_compiler
    from sdprof.fixes.machinery.trial import hot_module_of_the_loop

    if subject.device.type != "cpu":
        raise DeclinedError("Freezing packs weights for oneDNN, which runs on the CPU")
    prepare_compiler(subject.device)
    name, module = hot_module_of_the_loop(subject)
    inductor.freezing = True
    module.requires_grad_(False)
    subject.around_run.append(torch.no_grad)
    module.compile()
    return (f"{name} is compiled with its weights frozen into the code and packed for oneDNN.",)
