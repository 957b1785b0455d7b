"""The simulation that is running in this process, if any: operators come from everywhere, also from other threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


def _record_nothing(*event: object) -> None:
    return None


running = False
"""Whether a simulation runs."""
record: Callable[..., None] = _record_nothing
"""``Recorder.add`` of the simulation that runs. Tensors that outlive it still compute, and nothing is recorded."""


def start(add: Callable[..., None]) -> None:
    """Send events to a recorder."""
    global running, record
    running, record = True, add


def stop() -> None:
    """Send events nowhere."""
    global running, record
    running, record = False, _record_nothing


@contextmanager
def redirected(add: Callable[..., None]) -> Iterator[None]:
    """Send events elsewhere while the block runs."""
    global record
    before, record = record, add
    try:
        yield
    finally:
        record = before
