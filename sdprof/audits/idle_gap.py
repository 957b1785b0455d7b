"""Single long gaps in the GPU's work."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.loop_share import loop_share
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, Location, TraceGap

META = AuditMeta(
    id="idle-gap",
    title="The GPU stands still here",
    passed="No single gap in the GPU's work is a hundredth of the loop",
    needs=("device_trace",),
    severity="medium",
)
LEAST_SHARE = 0.01
DOING = {
    "launch-bound": "dispatching and launching",
    "sync": "waiting for the GPU, which had nothing left to do",
    "copy": "inside a copying call",
    "python": "in Python, or in a library outside of PyTorch",
    "queued": "done: the work was queued, and waited for its turn or for another stream",
    "unknown": "not recorded",
}
"""What the host was doing, by the gap's main cause."""


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the gaps of one cause before one place, where one of them is a hundredth of the loop or more."""
    trace = facts.device_trace
    assert trace is not None
    groups: dict[tuple[str, Location | None, str | None], list[TraceGap]] = {}
    for gap in trace.gaps:
        if gap.in_loop and loop_share(trace, gap.duration_us).share >= LEAST_SHARE:
            groups.setdefault((gap.cause, gap.where, gap.operator), []).append(gap)
    for (cause, where, operator), gaps in groups.items():
        part = loop_share(trace, sum(gap.duration_us for gap in gaps))
        longest = gaps[0]
        yield found(
            META,
            severity=part.severity,
            locations=(where,) if where is not None else (),
            evidence={
                "gaps": len(gaps),
                "longest_ms": round(longest.duration_us / 1e3, 3),
                "share_of_loop_percent": round(100 * part.share, 1),
                "measured_over": part.measured_over,
                "the_host_was": DOING.get(cause, cause),
                "mostly_in": longest.host_event and longest.host_event[:80],
                "ended_by": longest.next_event[:80],
                "launched_in": operator,
                "drained_by": longest.drained_by,
            },
            cost=Cost(predicted_ms_per_step=part.ms_per_step, source="length of these gaps in the trace"),
            explanation=(
                "From the end of one GPU event to the start of the next nothing ran. The place is the function that "
                "launched what ended the gap: look at what happens before that launch."
            ),
        )
