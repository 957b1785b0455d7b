"""Loops whose source says what they must do: ``# expect H2D 2`` at the end of a line means two such events a visit."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

from sdprof.device import TransferEvent

EXPECTATION = re.compile(r"# expect ((?:(?:H2D|D2H|SYNC) \d+ ?)+)(once|\d+ visits)?")


def expected_events(module: ModuleType, function: str, visits: int) -> Counter[tuple[int, str]]:
    """What the comments in a function say: (line, kind) → events over ``visits`` visits of each line.

    ``once`` after an expectation means one visit in all; ``N visits`` that many.
    """
    lines, first = inspect.getsourcelines(getattr(module, function))
    counts: Counter[tuple[int, str]] = Counter()
    for number, text in enumerate(lines, first):
        match = EXPECTATION.search(text)
        if match:
            times = visits
            if match[2]:
                times = 1 if match[2] == "once" else int(match[2].split()[0])
            words = match[1].split()
            for kind, count in zip(words[::2], words[1::2], strict=True):
                counts[number, kind] += int(count) * times
    return counts


def seen_events(module: ModuleType, events: list[TransferEvent]) -> Counter[tuple[int, str]]:
    """The events by (line, kind), at the innermost frame that lies in the module; 0 for events from elsewhere."""
    file = Path(str(module.__file__)).name
    counts: Counter[tuple[int, str]] = Counter()
    for event in events:
        line = next((frame.line for frame in event.frames if Path(frame.file).name == file), 0)
        counts[line, event.kind] += 1
    return counts
