"""A GPU that waits while the host runs Python."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.loop_share import loop_share
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding

META = AuditMeta(
    id="host-work-between-kernels",
    title="The GPU waits while the host does work of its own between kernels",
    passed="The GPU hardly waits for the host's own work",
    needs=("device_trace",),
    severity="medium",
    fixes=("compile-cudagraphs", "compile", "compile-regional"),
)
LEAST_SHARE = 0.03
MOST_PLACES = 5


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the loop, at the places before which the longest such gaps lie."""
    trace = facts.device_trace
    assert trace is not None
    assert trace.loop_idle is not None
    part = loop_share(trace, trace.loop_idle.python_us)
    if part.share < LEAST_SHARE:
        return
    behind = [gap for gap in trace.gaps if gap.in_loop and gap.cause == "python"]
    places = tuple(dict.fromkeys(gap.where for gap in behind if gap.where is not None))
    longest = behind[0] if behind else None
    yield found(
        META,
        severity=part.severity,
        locations=places[:MOST_PLACES],
        evidence={
            "idle_share_of_loop_percent": round(100 * part.share, 1),
            "idle_ms_per_step": round(part.ms_per_step, 3),
            "measured_over": part.measured_over,
            "longest_gap_ms": round(longest.duration_us / 1e3, 3) if longest is not None else None,
            "longest_gap_before": longest.next_event[:80] if longest is not None else None,
        },
        cost=Cost(
            predicted_ms_per_step=part.ms_per_step,
            source="idle time in the trace while the launching thread was in no operator and no CUDA call",
        ),
        explanation=(
            "No operator and no CUDA call was running in the thread that launched next: Python, or a library outside "
            "of PyTorch. Take what does not depend on the step out of the loop, and the rest off the way to the next "
            "launch. A profiler that records stacks slows Python down: without stacks this part is smaller."
        ),
    )
