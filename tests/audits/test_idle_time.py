"""Idle time of the GPU, by hand-made facts: each part under the audit that knows its cure, nothing below the limit."""

from typing import Any

import pytest

from sdprof.audits import host_work_between_kernels, idle_gap, launch_bound, unoverlapped_copy
from sdprof.facts.facts import Facts
from sdprof.model import TraceBusCopies, TraceFacts, TraceGap, TraceIdle, TraceStep
from tests.audits.census import place

STEPS = tuple(TraceStep(name="step", start_us=2500 * number, seconds=2.5e-3, kernels=50) for number in range(4))
SPAN_US = 10_000.0
PARTS = ("launch_bound_us", "sync_us", "copy_us", "python_us", "queued_us", "unknown_us")


def facts(*, gaps: tuple[TraceGap, ...] = (), copy_us: float = 0, overlapped_us: float = 0, **idle: float) -> Facts:
    parts = {name: idle.get(name, 0.0) for name in PARTS}
    split = TraceIdle(span_us=SPAN_US, idle_us=sum(parts.values()), after_sync_us=0, **parts)
    trace = TraceFacts(
        gpu_events=200,
        kernels=200,
        kernel_us=8000,
        span_us=SPAN_US,
        busy_us=SPAN_US - split.idle_us,
        idle_share=split.idle_us / SPAN_US,
        steps=STEPS,
        steps_found_by="annotation",
        idle=split,
        loop_idle=split,
        gaps=gaps,
        bus_copies=TraceBusCopies(
            count=8, bytes=8 << 20, copy_us=copy_us, overlapped_us=overlapped_us, span_us=SPAN_US, where=place(9)
        ),
    )
    return Facts(trace=trace, device_trace=trace)


def gap(duration_us: float, cause: str = "python", **fields: Any) -> TraceGap:
    values = {"in_loop": True, "where": place(3), "next_event": "kernel", "spent_us": {cause: duration_us}, **fields}
    return TraceGap(start_us=0, duration_us=duration_us, cause=cause, **values)


@pytest.mark.parametrize(
    ("audit", "part"), [(launch_bound, "launch_bound_us"), (host_work_between_kernels, "python_us")]
)
def test_a_part_of_the_idle_time_is_told_with_its_share(audit: Any, part: str) -> None:
    (finding,) = audit.audit(facts(**{part: 3000}))
    assert finding.severity == "high"
    assert finding.evidence["idle_share_of_loop_percent"] == 30
    assert finding.cost.predicted_ms_per_step == 0.75
    assert next(iter(audit.audit(facts(**{part: 1500})))).severity == "medium"
    assert next(iter(audit.audit(facts(**{part: 400})))).severity == "low"
    assert not list(audit.audit(facts(**{part: 299})))
    others = dict.fromkeys(set(PARTS) - {part}, 2000.0)
    assert not list(audit.audit(facts(**others)))


def test_launch_bound_tells_how_short_the_kernels_are() -> None:
    (finding,) = launch_bound.audit(facts(launch_bound_us=3000))
    assert finding.evidence["kernels_per_step"] == 50
    assert finding.evidence["mean_kernel_us"] == 40
    assert "compile-cudagraphs" in finding.fixes


def test_host_work_points_at_the_places_of_its_gaps() -> None:
    gaps = (gap(900), gap(800, where=place(4)), gap(700), gap(600, "sync", where=place(5)), gap(500, in_loop=False))
    (finding,) = host_work_between_kernels.audit(facts(gaps=gaps, python_us=3000))
    assert finding.locations == (place(3), place(4))
    assert finding.evidence["longest_gap_ms"] == 0.9


def test_long_gaps_of_one_place_and_cause_are_one_finding() -> None:
    gaps = (gap(900), gap(300), gap(400, "copy"), gap(99), gap(5000, in_loop=False))
    findings = list(idle_gap.audit(facts(gaps=gaps)))
    assert [(finding.evidence["gaps"], finding.evidence["longest_ms"]) for finding in findings] == [(2, 0.9), (1, 0.4)]
    assert findings[0].evidence["share_of_loop_percent"] == 12
    assert findings[0].severity == "medium"
    assert "copying" in findings[1].evidence["the_host_was"]


def test_copies_that_nothing_hides() -> None:
    (finding,) = unoverlapped_copy.audit(facts(copy_us=2000, overlapped_us=500))
    assert finding.evidence["hidden_behind_kernels_percent"] == 25
    assert finding.evidence["share_of_loop_percent"] == 15
    assert finding.count_per_step == 2
    assert not list(unoverlapped_copy.audit(facts(copy_us=2000, overlapped_us=1950)))
    assert not list(unoverlapped_copy.audit(facts()))


def test_a_trace_without_steps_is_judged_as_a_whole_and_says_so() -> None:
    given = facts(python_us=3000).trace
    assert given is not None
    trace = TraceFacts(**{name: getattr(given, name) for name in given.__struct_fields__ if name != "steps"})
    (finding,) = host_work_between_kernels.audit(Facts(trace=trace, device_trace=trace))
    assert "whole trace" in finding.evidence["measured_over"]


def test_without_a_gpu_the_time_between_operators_is_told_without_a_promise() -> None:
    def on_host(outside_us: float, steps: tuple[TraceStep, ...] = STEPS) -> Facts:
        trace = TraceFacts(
            gpu_events=0,
            kernels=0,
            kernel_us=0,
            span_us=0,
            busy_us=0,
            idle_share=None,
            steps=steps,
            steps_found_by="annotation",
            loop_host_us=SPAN_US,
            between_operators_us=outside_us,
        )
        return Facts(trace=trace)

    (finding,) = host_work_between_kernels.audit(on_host(4000))
    assert finding.severity == "low"
    assert finding.cost is None
    assert finding.evidence["share_of_loop_percent"] == 40
    assert finding.evidence["ms_per_step_under_the_profiler"] == 1
    assert not list(host_work_between_kernels.audit(on_host(1900)))
    assert not list(host_work_between_kernels.audit(on_host(9000, steps=())))
