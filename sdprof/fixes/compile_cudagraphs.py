"""Compile the hot module and replay it as CUDA graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="compile-cudagraphs",
    title="Compile the hot module and launch it as one CUDA graph",
    kind="module",
    numerics="rounding",
    removes=("eager-dispatch",),
    group="compile",
    devices=("cuda",),
    compiles=True,
    order=80,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Compile in the mode ``reduce-overhead``, and copy what leaves the graph.

    A graph's outputs lie in memory that its next replay writes to, and samplers keep predictions of earlier steps.
    """
    import torch
    from torch.utils._pytree import tree_map

    from sdprof.fixes.machinery.compiling import prepare_compiler
    from sdprof.fixes.machinery.trial import hot_module_of_the_loop

    if subject.device.type != "cuda":
        raise DeclinedError("CUDA graphs exist on CUDA devices only")
    prepare_compiler(subject.device)
    name, module = hot_module_of_the_loop(subject)
    compiled = torch.compile(module.forward, mode="reduce-overhead")

    def forward(*args: Any, **kwargs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        output = compiled(*args, **kwargs)
        return tree_map(lambda value: value.clone() if isinstance(value, torch.Tensor) else value, output)

    module.forward = forward
    return (f"{name} is compiled and replayed as CUDA graphs; its outputs are copied out of the graph's memory.",)
