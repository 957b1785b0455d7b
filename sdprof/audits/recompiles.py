"""Guards that make torch.compile compile the same function again."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="recompiles",
    title="torch.compile compiles this function again and again",
    passed="No analysed region is compiled twice",
    needs=("graphs",),
    severity="medium",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per region and guard."""
    assert facts.graphs is not None
    for region in facts.graphs.regions:
        for site in region.sites:
            if site.kind == "recompile":
                yield found(
                    META,
                    locations=(site.where,),
                    region=f"{region.name}{' with grad' if region.grad else ''}",
                    severity="low" if region.grad else None,
                    evidence={"guard": site.reason, "recompiles": site.count, "calls_traced": region.calls},
                    explanation=(
                        "A value that the compiler had fixed into the graph changed from one call to the next, and it "
                        "started again."
                    ),
                )
