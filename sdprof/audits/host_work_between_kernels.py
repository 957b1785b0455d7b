"""Work of the host's own between one kernel and the next: Python, mostly."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.loop_share import loop_share
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, TraceFacts

META = AuditMeta(
    id="host-work-between-kernels",
    title="The host does work of its own between kernels",
    passed="The host does next to no work of its own between kernels",
    needs=("trace",),
    severity="medium",
    fixes=("compile-cudagraphs", "compile", "compile-regional"),
)
LEAST_SHARE = 0.03
LEAST_SHARE_ON_THE_HOST = 0.2
"""Without a GPU the profiler's own work between two operators counts as well, and is some tenth of short steps."""
MOST_PLACES = 5


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the loop: on a GPU for the time that it waited, without one for the time between operators."""
    assert facts.trace is not None
    finding = _on_gpu(facts.trace) if facts.trace.gpu_events else _on_host(facts.trace)
    if finding is not None:
        yield finding


def _on_gpu(trace: TraceFacts) -> Finding | None:
    assert trace.loop_idle is not None
    part = loop_share(trace, trace.loop_idle.python_us)
    if part.share < LEAST_SHARE:
        return None
    behind = [gap for gap in trace.gaps if gap.in_loop and gap.cause == "python"]
    places = tuple(dict.fromkeys(gap.where for gap in behind if gap.where is not None))
    longest = behind[0] if behind else None
    return found(
        META,
        title="The GPU waits while the host does work of its own between kernels",
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


def _on_host(trace: TraceFacts) -> Finding | None:
    share = trace.between_operators_us / trace.loop_host_us if trace.loop_host_us else 0.0
    if not trace.steps or share < LEAST_SHARE_ON_THE_HOST:
        return None
    return found(
        META,
        severity="low",
        evidence={
            "share_of_loop_percent": round(100 * share, 1),
            "ms_per_step_under_the_profiler": round(trace.between_operators_us / 1e3 / len(trace.steps), 3),
            "measured_over": f"{len(trace.steps)} steps, told by {trace.steps_found_by}",
        },
        explanation=(
            "Time of the loop in which no operator ran: Python, libraries outside of PyTorch, and the profiler's own "
            "work, which is why no cost is predicted. On a GPU the same time lets the device run dry."
        ),
    )
