"""Lines at which torch.compile leaves the graph."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.facts.graph_regions import told_together
from sdprof.model import AuditMeta, Finding, GraphRegion, GraphSite

META = AuditMeta(
    id="graph-breaks",
    title="torch.compile breaks the graph here",
    passed="torch.compile takes every analysed region without a graph break",
    needs=("graphs",),
    severity="medium",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per line, whichever regions it breaks."""
    assert facts.graphs is not None
    by_line: dict[tuple[str, int, str], list[tuple[GraphRegion, GraphSite]]] = {}
    for region in facts.graphs.regions:
        for site in region.sites:
            if site.kind == "break":
                by_line.setdefault((site.where.file, site.where.line, site.reason), []).append((region, site))
    for seen in by_line.values():
        yield _finding(seen)
    unseen = (
        *facts.graphs.skipped,
        *(f"{region.name}: {region.error}" for region in facts.graphs.regions if region.error),
    )
    if not by_line and unseen:
        yield found(
            META,
            title="No graph break was seen, and not every region was analysed to its end",
            severity="info",
            evidence={f"not analysed, {number}": reason for number, reason in enumerate(unseen, 1)},
            explanation="What was not analysed may hold breaks.",
        )


def _finding(seen: list[tuple[GraphRegion, GraphSite]]) -> Finding:
    _, site = seen[0]
    without_grad = [region for region, _ in seen if not region.grad]
    return found(
        META,
        locations=(site.where,),
        region=told_together(region for region, _ in seen),
        # Sampling runs without grad: a break that only training sees costs a sampler nothing.
        severity="medium" if without_grad else "low",
        evidence={
            "reason": site.reason,
            "hint": site.hint,
            "breaks": sum(site.count for _, site in seen),
            "seen_by": ", ".join(sorted({source for _, site in seen for source in site.seen_by})),
        },
        explanation="The compiler stops before this expression, runs it in Python, and starts a new graph behind it.",
    )
