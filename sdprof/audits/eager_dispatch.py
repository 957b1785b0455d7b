"""A step that is sent to the device one operator at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="eager-dispatch",
    title="Every step dispatches its operators one by one from Python",
    passed="A step dispatches few operators",
    needs=("operators",),
    severity="medium",
    fixes=("compile", "compile-regional", "compile-freezing", "compile-cudagraphs", "openvino"),
)
MANY_OPERATORS_PER_STEP = 100


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the whole step, with its most frequent operators.

    Whether a compiler wins by fusing them is for the measurement to say: on a CPU it often does not.
    """
    census = facts.operators
    assert census is not None
    operators_per_step = census.operators / census.steps
    if operators_per_step < MANY_OPERATORS_PER_STEP:
        return
    frequent: Counter[str] = Counter()
    for site in census.sites:
        frequent[site.op] += site.calls
    yield found(
        META,
        count_per_step=operators_per_step,
        evidence={
            "operators_per_step": round(operators_per_step),
            "most_frequent": ", ".join(f"{op} {calls / census.steps:.0f}" for op, calls in frequent.most_common(6)),
        },
        explanation=(
            "Each operator is looked up, checked and launched by itself, and pointwise neighbours write to memory what "
            "the next one reads. A compiler sees the whole graph."
        ),
    )
