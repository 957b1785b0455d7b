"""Copies over the bus that nothing computes beside."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.loop_share import loop_share
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding

META = AuditMeta(
    id="unoverlapped-copy",
    title="The GPU computes nothing while it copies between host and device",
    passed="Copies between host and device take next to no time of their own",
    needs=("device_trace",),
    severity="medium",
)
LEAST_SHARE = 0.01


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding for the loop: copying time without a kernel beside it."""
    trace = facts.device_trace
    assert trace is not None
    copies = trace.bus_copies
    assert copies is not None
    part = loop_share(trace, copies.copy_us - copies.overlapped_us)
    if part.share < LEAST_SHARE:
        return
    yield found(
        META,
        severity=part.severity,
        count_per_step=copies.count / max(1, len(trace.steps)),
        locations=(copies.where,) if copies.where is not None else (),
        evidence={
            "copies": copies.count,
            "mib": round(copies.bytes / 2**20, 3) if copies.bytes is not None else None,
            "copying_ms": round(copies.copy_us / 1e3, 3),
            "hidden_behind_kernels_percent": round(100 * copies.overlapped_us / copies.copy_us, 1),
            "share_of_loop_percent": round(100 * part.share, 1),
            "measured_over": part.measured_over,
            "longest_in": copies.operator,
        },
        cost=Cost(predicted_ms_per_step=part.ms_per_step, source="copying time in the trace without a kernel beside"),
        explanation=(
            "Copy from page-locked memory, without blocking, on a stream of its own, while the step before computes; "
            "or leave the data on the device."
        ),
    )
