"""Gradient checkpointing that is still on when nobody asks for gradients."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding, Location, OperatorSite

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
    by_expression: dict[tuple[str, Location], list[OperatorSite]] = {}
    for site in census.sites:
        if site.op.startswith(AUTOGRAD_FUNCTION):
            by_expression.setdefault((site.op, site.where), []).append(site)
    for (op, where), sites in by_expression.items():
        yield found(
            META,
            locations=(where,),
            count_per_step=sum(site.calls_per_step for site in sites),
            evidence={
                "autograd_function": op.removeprefix(AUTOGRAD_FUNCTION),
                "module_class": ", ".join(dict.fromkeys(site.module_class for site in sites)),
            },
            explanation="Call the block itself when grad is off.",
        )
