"""How the audits of idle time put a time of the recorded loop: a share of it, and milliseconds a step."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import Severity, TraceFacts

WHOLE_TRACE = "no steps were told apart: of the whole trace"


@dataclass(frozen=True)
class LoopShare:
    """A part of the time in which the loop ran on the GPU."""

    share: float
    """0 to 1."""
    ms_per_step: float
    measured_over: str

    @property
    def severity(self) -> Severity:
        """High from a quarter of the loop, low under a tenth."""
        return "high" if self.share >= 0.25 else "medium" if self.share >= 0.1 else "low"


def loop_share(trace: TraceFacts, microseconds: float) -> LoopShare:
    """What a time is of the loop, from its first GPU event to its last."""
    span_us = trace.loop_idle.span_us if trace.loop_idle is not None else trace.span_us
    steps = max(1, len(trace.steps))
    return LoopShare(
        share=microseconds / span_us if span_us else 0.0,
        ms_per_step=microseconds / 1e3 / steps,
        measured_over=f"{len(trace.steps)} steps, told by {trace.steps_found_by}" if trace.steps else WHOLE_TRACE,
    )
