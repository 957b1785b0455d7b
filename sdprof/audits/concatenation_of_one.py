"""``cat`` of a single tensor: a copy that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="concatenation-of-one",
    title="A single tensor is concatenated with nothing, which copies it",
    passed="No single tensor is concatenated with nothing",
    needs=("operators",),
    severity="low",
)
CAT = "aten::cat"


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression."""
    census = facts.operators
    assert census is not None
    for site in census.sites:
        if site.op == CAT and len(site.input_shapes) == 1:
            yield found(
                META,
                locations=(site.where,),
                count_per_step=site.calls_per_step,
                evidence={"kib_per_step": round(site.output_bytes / census.steps / 1024, 1)},
                explanation="The result is a copy of its only input.",
            )
