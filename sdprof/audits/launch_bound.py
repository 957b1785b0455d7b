"""A GPU that runs dry because the host cannot launch fast enough."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.loop_share import loop_share
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding

META = AuditMeta(
    id="launch-bound",
    title="The GPU waits for the host to dispatch and launch its work",
    passed="The GPU hardly waits for launches",
    needs=("device_trace",),
    severity="medium",
    fixes=("compile-cudagraphs", "compile", "compile-regional"),
)
LEAST_SHARE = 0.03


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the loop: idle time that the host spent inside operators and launching calls."""
    trace = facts.device_trace
    assert trace is not None
    assert trace.loop_idle is not None
    part = loop_share(trace, trace.loop_idle.launch_bound_us)
    if part.share < LEAST_SHARE:
        return
    delay = trace.launch_delay
    kernels_per_step = sum(step.kernels for step in trace.steps) / max(1, len(trace.steps)) or trace.kernels
    yield found(
        META,
        severity=part.severity,
        evidence={
            "idle_share_of_loop_percent": round(100 * part.share, 1),
            "idle_ms_per_step": round(part.ms_per_step, 3),
            "measured_over": part.measured_over,
            "kernels_per_step": round(kernels_per_step),
            "mean_kernel_us": round(trace.kernel_us / trace.kernels, 2) if trace.kernels else None,
            "median_launch_delay_us": delay.median_us if delay is not None else None,
        },
        cost=Cost(predicted_ms_per_step=part.ms_per_step, source="idle time in the trace that launching accounts for"),
        explanation=(
            "Each operator costs the host some microseconds before its kernel starts; kernels shorter than that leave "
            "the GPU idle. Fewer and larger launches cure it: CUDA graphs, fused kernels, a larger batch. A single "
            "long gap inside an operator is mostly its first call (loading or tuning kernels): record after a warm-up."
        ),
    )
