"""The operators that the time goes into, against what this machine can do."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="hot-operators",
    title="Most of the time goes into a few operators",
    passed="No operator takes a tenth of the time",
    needs=("hot_ops",),
    severity="info",
)
HOT_SHARE = 0.10


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding that lists every operator with a tenth of the time or more."""
    assert facts.hot_ops is not None
    hot = [operator for operator in facts.hot_ops if operator.share >= HOT_SHARE]
    if hot:
        yield found(
            META,
            evidence={
                operator.name: f"{100 * operator.share:.1f} % of the time, {operator.calls} calls"
                + (f", {operator.percent_of_peak:.0f} % of GEMM peak" if operator.percent_of_peak else "")
                for operator in hot
            },
            explanation="Self time in the profiled run: without the operators that each of them calls.",
        )
