"""Where the audit's own time went."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sdprof.model import OwnTime


class TimeSheet:
    """Adds up wall-clock seconds by stage."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[tuple[str, bool], float] = {}

    @contextmanager
    def spent_on(self, stage: str, *, overhead: bool) -> Iterator[None]:
        """Charge the time inside to a stage.

        :param overhead: start-up, bookkeeping or rendering, as against running the user's loop.
        """
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started, overhead=overhead)

    def add(self, stage: str, seconds: float, *, overhead: bool) -> None:
        """Charge seconds to a stage."""
        key = (stage, overhead)
        with self._lock:
            self._seconds[key] = self._seconds.get(key, 0.0) + seconds

    def spread(self, seconds: float, sheets: Iterable[TimeSheet]) -> None:
        """Charge seconds in which several things ran beside each other, in the proportions of their own sheets."""
        charged = [entry for sheet in sheets for entry in sheet.entries()]
        total = sum(entry.seconds for entry in charged)
        for entry in charged:
            self.add(entry.stage, seconds * entry.seconds / total if total else 0.0, overhead=entry.overhead)

    def entries(self) -> tuple[OwnTime, ...]:
        """What was charged, in the order of the first charge."""
        return tuple(
            OwnTime(stage=stage, seconds=round(seconds, 3), overhead=overhead)
            for (stage, overhead), seconds in self._seconds.items()
        )
