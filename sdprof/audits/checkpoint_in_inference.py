"""Gradient checkpointing that is still on when nobody asks for gradients."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="checkpoint-in-inference",
    title="Blocks run inside an autograd function although no gradient is asked for",
    passed="No block runs inside an autograd function",
    needs=("operators",),
    severity="low",
    fixes=("checkpoint-bypass",),
)
AUTOGRAD_FUNCTION = "autograd::"
"""How the census names a call of ``torch.autograd.Function.apply``: the prefix, then the class."""


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per function and calling expression.

    Gradient checkpointing trades compute for memory in a backward pass; without one it is a detour, and it breaks the
    graph of a compiler when grad is on.
    """
    census = facts.operators
    assert census is not None
    for site in census.sites:
        if site.op.startswith(AUTOGRAD_FUNCTION):
            yield found(
                META,
                locations=(site.where,),
                count_per_step=site.calls_per_step,
                evidence={
                    "autograd_function": site.op.removeprefix(AUTOGRAD_FUNCTION),
                    "module_class": site.module_class,
                },
                explanation="Call the block itself when grad is off.",
            )
