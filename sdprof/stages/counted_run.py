"""The run of the loop as it is in which copies and waits were counted: what every rewrite of it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OUTPUTS_FILES = ("counted-outputs.safetensors", "counted-outputs-again.safetensors")
"""What a worker's first run returned, in which the events were counted, and its second."""


@dataclass(frozen=True, kw_only=True)
class CountedRun:
    """Files with what the loop returned in a worker of its own, and how long it took to run and count."""

    outputs: Path
    outputs_again: Path
    seconds: float


def outputs_files(folder: Path) -> tuple[Path, Path]:
    """Where the outputs of the counted run are."""
    first, again = (folder / name for name in OUTPUTS_FILES)
    return first, again
