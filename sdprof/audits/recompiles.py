"""Guards that make torch.compile compile the same function again."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.facts.graph_regions import told, told_together
from sdprof.model import AuditMeta, Finding, GraphRegion, GraphSite

META = AuditMeta(
    id="recompiles",
    title="torch.compile compiles this function again and again",
    passed="No analysed region is compiled twice",
    needs=("graphs",),
    severity="medium",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per line, whatever regions and guards it concerns."""
    assert facts.graphs is not None
    by_line: dict[tuple[str, int], list[tuple[GraphRegion, GraphSite]]] = {}
    for region in facts.graphs.regions:
        for site in region.sites:
            if site.kind == "recompile":
                by_line.setdefault((site.where.file, site.where.line), []).append((region, site))
    for seen in by_line.values():
        yield _finding(seen)


def _finding(seen: list[tuple[GraphRegion, GraphSite]]) -> Finding:
    return found(
        META,
        locations=tuple(site.where for _, site in seen[:1] if site.where.file),
        region=told_together(region for region, _ in seen),
        # Sampling runs without grad: what only training compiles again costs a sampler nothing.
        severity=None if any(not region.grad for region, _ in seen) else "low",
        evidence={
            "guards": "; ".join(dict.fromkeys(site.reason for _, site in seen)),
            "recompiles": "; ".join(
                f"{site.count} in {region.calls} {'call' if region.calls == 1 else 'calls'} of {told(region)}"
                for region, site in seen
            ),
        },
        explanation=(
            "A value that the compiler had fixed into the graph changed from one call to the next: it started again."
        ),
    )
