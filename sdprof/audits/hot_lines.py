"""The user's lines that the time goes through."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="hot-lines",
    title="These lines take most of the run",
    passed="No single line takes a twentieth of the run",
    needs=("hot_lines",),
    severity="info",
)
HOT_SHARE = 0.05
MOST = 10


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding with the costliest lines."""
    assert facts.hot_lines is not None
    hot = [line for line in facts.hot_lines if line.share >= HOT_SHARE][:MOST]
    if hot:
        yield found(
            META,
            locations=tuple(line.where for line in hot),
            evidence={
                f"{line.where.function}:{line.where.line}": f"{100 * line.share:.1f} %, {line.hits} hits"
                for line in hot
            },
            explanation="Inclusive time under line_profiler: a line contains what it calls.",
        )
