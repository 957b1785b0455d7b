"""A worker that is warm, and asked for one sample at a time: what every comparison measures with."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from sdprof.worker.client import Worker
from sdprof.worker.protocol import Ran

SHORTEST_SAMPLE_SECONDS = 0.25
"""A run shorter than this is repeated within its turn: scheduling noise is a larger share of a short one."""
MOST_REPEATS = 16


@dataclass(frozen=True)
class WarmWorker:
    """One variant, built and past its first run."""

    worker: Worker
    id: str
    first_run_seconds: float
    """The first run, with whatever it compiled."""
    peak_memory_bytes: int | None
    repeats: int = 1

    def turn(self) -> float:
        """Median seconds of the runs that make up one turn.

        :raises WorkerError: if a run fails.
        """
        return median(self.worker.run().seconds for _ in range(self.repeats))


def warm(
    worker: Worker,
    id: str,
    *,
    first_outputs: str | None = None,
    second_outputs: str | None = None,
    once_if_longer_than: float | None = None,
) -> WarmWorker:
    """The first run apart from the steady state, then one run more to see how long a run is.

    :param first_outputs: file for what the first run returns.
    :param second_outputs: file for what the second run returns.
    :param once_if_longer_than: seconds of a first run that is warm-up enough.
    :raises WorkerError: if a run fails.
    """
    return steady(
        worker,
        id,
        worker.run(first_outputs),
        second_outputs=second_outputs,
        once_if_longer_than=once_if_longer_than,
    )


def steady(
    worker: Worker,
    id: str,
    first: Ran,
    *,
    second_outputs: str | None = None,
    once_if_longer_than: float | None = None,
) -> WarmWorker:
    """What is left to do for a worker that had its first run; like :func:`warm` for the rest."""
    enough = once_if_longer_than is not None and first.seconds > once_if_longer_than
    second = first if enough else worker.run(second_outputs)
    repeats = min(MOST_REPEATS, max(1, round(SHORTEST_SAMPLE_SECONDS / second.seconds)))
    return WarmWorker(worker, id, first.seconds, second.peak_memory_bytes, repeats)
