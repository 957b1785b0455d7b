"""Compile the repeated blocks of the hot module, once for all blocks of the same shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="compile-regional",
    title="Compile the repeated blocks of the hot module",
    kind="module",
    numerics="rounding",
    removes=("eager-dispatch",),
    group="compile",
    compiles=True,
    order=80,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """``Module.compile`` on each instance of the block classes that most of the work repeats in.

    Blocks of one class share compiled code as long as their shapes agree; TorchDynamo's limit on recompilations is
    raised to the number of blocks, since beyond it blocks would silently run eagerly.
    """
    import torch

    from sdprof.fixes.machinery.blocks import repeated_blocks
    from sdprof.fixes.machinery.compiling import prepare_compiler
    from sdprof.fixes.machinery.trial import hot_module_of_the_loop

    prepare_compiler(subject.device)
    name, hot_module = hot_module_of_the_loop(subject)
    blocks = repeated_blocks(hot_module, subject.modules)
    if not blocks:
        raise DeclinedError(f"{name} repeats no block class")
    instances = [module for modules in blocks.values() for module in modules]
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(instances) + 8)
    torch._dynamo.config.accumulated_recompile_limit = max(
        torch._dynamo.config.accumulated_recompile_limit, 8 * torch._dynamo.config.recompile_limit
    )
    for module in instances:
        module.compile()
    return tuple(
        f"{len(modules)} blocks of class {kind.__name__} are compiled one by one." for kind, modules in blocks.items()
    )
