"""Read and write speedscope profiles, and collapse their stacks.

The format: https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class StackFrame(msgspec.Struct, frozen=True):
    """A line of a function."""

    name: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name} ({self.file}:{self.line})" if self.file else self.name


Stack = tuple[StackFrame, ...]
"""From the outermost frame in."""


class _Shared(msgspec.Struct):
    frames: list[StackFrame]


class _Profile(msgspec.Struct):
    type: str
    samples: list[list[int]]
    weights: list[float]


class _File(msgspec.Struct):
    shared: _Shared
    profiles: list[_Profile]


def read_samples(file: Path) -> list[list[Stack]]:
    """The samples of each thread, in order.

    :raises ValueError: if the file is no speedscope profile of samples.
    """
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except msgspec.DecodeError as error:
        raise ValueError(f"{file.name} is no speedscope profile: {error}") from None
    frames = content.shared.frames
    try:
        return [
            [tuple(frames[index] for index in sample) for sample in profile.samples] for profile in content.profiles
        ]
    except IndexError:
        raise ValueError(f"{file.name} names a frame that it does not have.") from None


def write_samples(file: Path, name: str, samples: Sequence[Stack], seconds_per_sample: float) -> None:
    """Write samples, in order of time, as one profile."""
    indices: dict[StackFrame, int] = {}
    numbered = [[indices.setdefault(frame, len(indices)) for frame in sample] for sample in samples]
    content = {
        "$schema": SCHEMA,
        "exporter": "sdprof",
        "name": name,
        "activeProfileIndex": 0,
        "shared": {"frames": list(indices)},
        "profiles": [
            {
                "type": "sampled",
                "name": name,
                "unit": "seconds",
                "startValue": 0,
                "endValue": len(samples) * seconds_per_sample,
                "samples": numbered,
                "weights": [seconds_per_sample] * len(samples),
            }
        ],
    }
    file.write_bytes(msgspec.json.encode(content))


def collapse(samples: Sequence[Stack]) -> list[tuple[Stack, int]]:
    """Each stack with its number of samples, the most frequent first."""
    return Counter(samples).most_common()


def collapsed_text(stacks: Sequence[tuple[Stack, int]]) -> str:
    """One line a stack, ``outer;inner 12``, as the flame graph tools read it."""
    return "".join(f"{';'.join(str(frame).replace(';', ':') for frame in stack)} {count}\n" for stack, count in stacks)


def cut(sample: Stack, is_base: Callable[[StackFrame], bool]) -> Stack | None:
    """What is inside of the innermost base frame; None where there is no base frame."""
    for depth in range(len(sample) - 1, -1, -1):
        if is_base(sample[depth]):
            return sample[depth + 1 :]
    return None
