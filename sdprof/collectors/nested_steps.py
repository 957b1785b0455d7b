"""Make the step annotations of a Chrome trace nest with the calls around them.

A step is annotated from within the hot module's call, and ends within the next: so it overlaps the calls that lead
there, and viewers drop what overlaps (TensorBoard's plugin: "ranges on the same thread should not intersect").
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from mmap import mmap

STEP_NAME = b"ProfilerStep#"

# One complete event as Kineto writes it, over several lines or in one. Names with escaped quotes are passed over.
EVENT = re.compile(
    rb'"cat":\s*"(?P<category>[^"]+)",\s*"name":\s*"(?P<name>[^"]*)",\s*"pid":\s*[^,]+,\s*"tid":\s*(?P<thread>[^,]+),'
    rb'\s*"ts":\s*(?P<start>[\d.]+),\s*"dur":\s*(?P<duration>[\d.]+)'
)
NS_PER_US = 1000
MARGIN_NS = 4
"""Readers take the microseconds for floats, which end at about a nanosecond: borders that touch would seem to cross."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From start to end in nanoseconds."""

    start: int
    end: int


def nest(steps: Sequence[Interval], events: Iterable[Interval], margin: int = 0) -> list[Interval]:
    """The steps, moved so that no event lies across a border of theirs, where that can be done.

    A step begins with the outermost call that begins after the step before and leads into this one alone; the step
    before ends there at the latest. The last step ends when that call returns. What runs over several steps stays
    around them.

    :param steps: in order, none overlapping another.
    :param events: all other events of the thread; they nest among themselves.
    :param margin: nanoseconds to keep between borders.
    """
    if len(steps) < 2:
        return list(steps)
    last = len(steps) - 1
    old_starts = [step.start for step in steps]
    starts = list(old_starts)
    ends = [step.end for step in steps]
    for event in events:
        into = bisect.bisect_right(old_starts, event.start)
        if into <= last and steps[into].start < event.end and (into == last or event.end <= steps[into].end):
            starts[into] = min(starts[into], event.start - margin)
            if into == last:
                ends[last] = max(ends[last], event.end + margin)
        within = into - 1
        if 0 <= within < last and event.start < steps[within].end < event.end:
            ends[within] = min(ends[within], event.start - 2 * margin)
    return [Interval(start, end) for start, end in zip(starts, ends, strict=True)]


def write_nested(trace: bytes | mmap, write: Callable[[bytes], object]) -> int:
    """Write a trace with its steps nested; everything else stays as it is, byte for byte. Returns the number of steps.

    :param trace: the text of a Chrome trace.
    """
    found = sorted(
        (match for match in EVENT.finditer(trace) if _is_step(match)), key=lambda match: _interval(match).start
    )
    thread = found[0]["thread"] if found else b""
    events = (_interval(match) for match in EVENT.finditer(trace) if match["thread"] == thread and not _is_step(match))
    nested = nest([_interval(match) for match in found], events, MARGIN_NS)
    position = 0
    for match, step in sorted(zip(found, nested, strict=True), key=lambda pair: pair[0].start()):
        write(trace[position : match.start("start")])
        write(_microseconds(step.start))
        write(trace[match.end("start") : match.start("duration")])
        write(_microseconds(step.end - step.start))
        position = match.end("duration")
    write(trace[position:])
    return len(found)


def _is_step(match: re.Match[bytes]) -> bool:
    # The GPU's copy of the annotation (gpu_user_annotation) covers its kernels, and stays.
    return match["name"].startswith(STEP_NAME) and match["category"] == b"user_annotation"


def _interval(match: re.Match[bytes]) -> Interval:
    start = _nanoseconds(match["start"])
    return Interval(start, start + _nanoseconds(match["duration"]))


def _nanoseconds(microseconds: bytes) -> int:
    # Times are some 1e12 microseconds with three decimals: more digits than a float holds.
    whole, _, fraction = microseconds.partition(b".")
    return int(whole or b"0") * NS_PER_US + int((fraction + b"000")[:3])


def _microseconds(nanoseconds: int) -> bytes:
    whole, rest = divmod(nanoseconds, NS_PER_US)
    return b"%d.%03d" % (whole, rest)
