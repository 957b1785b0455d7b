"""When the loop ran: on the host, from its first step to its last, and on the GPU, what these steps launched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.nesting import NONE, Indices
from sdprof.facts.trace.steps import Steps
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


@dataclass(frozen=True)
class LoopWindow:
    """Times are nanoseconds since the trace's origin."""

    begins: Indices
    """Begin of each step, on the host's clock; one step from the beginning where none were told apart."""
    end: int
    """End of the last step."""
    device_start: int
    """Start of the first GPU event that the steps launched; both are 0 where they launched none."""
    device_end: int

    @property
    def steps(self) -> int:
        """Number of steps; at least 1."""
        return len(self.begins)

    @property
    def device_span_us(self) -> float:
        """Time on the GPU from the loop's first event to its last."""
        return (self.device_end - self.device_start) / NS

    def step_of(self, host_times: Indices) -> Indices:
        """The step, from 0, in which each time lies; NONE outside of the loop.

        What lies between two steps (a scheduler's update after an annotated call) belongs to the one before.
        """
        step = np.searchsorted(self.begins, host_times, side="right") - 1
        return np.where(host_times < self.end, step, NONE)

    def moment(self, host_time: int, step: int) -> float:
        """How much of its step had passed at a time that lies in it, 0 to 1."""
        begin = int(self.begins[step])
        length = (int(self.begins[step + 1]) if step + 1 < self.steps else self.end) - begin
        return min(max((host_time - begin) / length, 0.0), 1.0) if length > 0 else 0.0

    def on_device(self, starts: Indices, ends: Indices) -> npt.NDArray[np.bool_]:
        """Which intervals of GPU time lie in the loop."""
        inside: npt.NDArray[np.bool_] = (starts >= self.device_start) & (ends <= self.device_end)
        return inside


def loop_window(analysis: Analysis, steps: Steps) -> LoopWindow:
    """The loop as the steps show it; the whole trace where no steps were told apart."""
    events, tree = analysis.device, analysis.tree
    if steps.steps:
        begins = np.array([round(step.start_us * NS) for step in steps.steps], np.int64)
        last = steps.steps[-1]
        end = round((last.start_us + last.seconds * 1e6) * NS)
    else:
        starts, ends = [tree.start, events.start], [tree.end, events.start + events.duration]
        begins = np.array([min((int(part.min()) for part in starts if len(part)), default=0)], np.int64)
        end = max((int(part.max()) for part in ends if len(part)), default=0) + 1
    window = LoopWindow(begins, end, 0, 0)
    mine = window.step_of(analysis.launched_at) != NONE
    if not mine.any():
        return window
    finished = events.start[mine] + events.duration[mine]
    return LoopWindow(begins, end, int(events.start[mine].min()), int(finished.max()))
