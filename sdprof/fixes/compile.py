"""Compile the hot module as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="compile",
    title="Compile the hot module with torch.compile",
    kind="module",
    numerics="rounding",
    removes=("eager-dispatch",),
    group="compile",
    compiles=True,
    least_budget_seconds_on_cpu=600,
    order=80,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """``Module.compile`` on the hot module of the loop, in place; the first run compiles."""
    from sdprof.fixes.machinery.compiling import prepare_compiler
    from sdprof.fixes.machinery.trial import hot_module_of_the_loop

    prepare_compiler(subject.device)
    name, module = hot_module_of_the_loop(subject)
    module.compile()
    return (f"{name} is compiled as a whole by torch.compile with its default backend.",)
