"""Memory inside a step, from the allocator's events in a recorded trace."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from sdprof.facts.trace_file.file_chunks import file_chunks
from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.model import MemoryCurve

MOST_POINTS = 300
_LONGEST_EVENT_BYTES = 4096
_STEP = re.compile(
    rb'"name":\s*"(ProfilerStep#(\d+))"[^{}]{0,200}?"ts":\s*([\d.]+)\s*,\s*"dur":\s*([\d.]+)',
)
_MEMORY = re.compile(
    rb'"name":\s*"\[memory\]"[^{}]{0,200}?"ts":\s*([\d.]+)[^{}]{0,40}'
    rb'"args":\s*\{[^{}]{0,200}?"Total Allocated":\s*(\d+)[^{}]{0,200}?"Device Type":\s*(\d+)'
)
_DEVICES = {0: "cpu", 1: "cuda"}  # c10::DeviceType

Event = tuple[float, int, int]


def memory_curve(trace: Path, limits: ReadLimits | None = None) -> MemoryCurve | None:
    """The last recorded step, on the device on which most was allocated; None where the trace has no such events.

    The tables of a trace leave instant events out, so the text is searched for the two kinds that are wanted.

    :raises TraceError: if the file cannot be read, or is larger than the limits.
    """
    steps: dict[int, tuple[str, float, float]] = {}
    events: list[Event] = []
    tail = b""
    with closing(file_chunks(trace, limits or ReadLimits())) as chunks:
        for chunk in chunks:
            text = tail + chunk
            kept = 0
            for match in _STEP.finditer(text):
                steps[int(match[2])] = (match[1].decode(), float(match[3]), float(match[4]))
            for match in _MEMORY.finditer(text):
                events.append((float(match[1]), int(match[2]), int(match[3])))
                kept = match.end()
            tail = text[max(kept, len(text) - _LONGEST_EVENT_BYTES) :]
    if not steps:
        return None
    name, start, duration = steps[max(steps)]
    inside = sorted(event for event in events if start <= event[0] <= start + duration and event[2] in _DEVICES)
    if not inside:
        return None
    device = max(inside, key=lambda event: (event[1], event[2]))[2]
    points = _thinned([(time - start, size) for time, size, kind in inside if kind == device], duration)
    return MemoryCurve(
        device="cuda" if device == 1 else "cpu",
        step=name,
        step_ms=duration / 1000,
        milliseconds=tuple(round(time / 1000, 4) for time, _ in points),
        bytes=tuple(size for _, size in points),
    )


def _thinned(points: list[tuple[float, int]], duration: float) -> list[tuple[float, int]]:
    """At most ``MOST_POINTS``: of each stretch of time its highest, so that no peak is lost."""
    if len(points) <= MOST_POINTS:
        return points
    highest: dict[int, tuple[float, int]] = {}
    for time, size in points:
        stretch = min(int(time / max(duration, 1e-9) * MOST_POINTS), MOST_POINTS - 1)
        if stretch not in highest or size > highest[stretch][1]:
            highest[stretch] = (time, size)
    return list(highest.values())
