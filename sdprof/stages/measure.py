"""Time variants against each other: one worker each, warmed once, then asked in turn, round by round."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from sdprof.comparison.plan_structs import BASELINE, CONTROL, Batch, VariantRequest
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.schedule import another_round, balanced_order
from sdprof.run_folder import RunFolder
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress
from sdprof.stages.variants import STARTED_AT_ONCE, VariantStarter, uncompiled
from sdprof.stages.warm_worker import SHORTEST_SAMPLE_SECONDS, WarmWorker, warm
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.protocol import Built

OUTPUTS_FILE = "outputs.safetensors"
MEMORY_SHARE = 0.8
"""Of the free memory that live workers may take together."""
LONG_RUN_SECONDS = 8 * SHORTEST_SAMPLE_SECONDS
"""An eager first run that took longer is warm-up enough: what it did once (allocations, packing) is a small share."""
CHOSEN_BY_TARGET = ("size", "batch_size", "height", "width", "dtype")


class VariantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a variant, kept in the run folder."""

    fixes: tuple[str, ...]
    error: str = ""
    """Why it could not be built, warmed or timed."""
    did: dict[str, tuple[str, ...]] = {}
    declined: dict[str, str] = {}
    build_seconds: float | None = None
    first_run_seconds: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class RoundPolicy:
    """How many rounds a batch of variants has."""

    min_rounds: int
    max_rounds: int
    budget_seconds: float


class Measurer:
    """Keeps the baseline's workers alive, and the others for as long as there is room.

    What was measured alone is measured again on the way to a plan and in its proof: a worker that is still alive need
    not be built, warmed and compiled a second time.
    """

    def __init__(self, starter: VariantStarter, folder: RunFolder, times: TimeSheet, progress: Progress) -> None:
        self._starter = starter
        self._folder = folder
        self._times = times
        self._progress = progress
        self._resident: list[WarmWorker] = []
        self._others: dict[str, WarmWorker] = {}
        """Alive beside the baseline's, by variant; the one that was used last comes last."""
        self._ahead: dict[str, tuple[Worker, Built] | WorkerError] = {}
        """Started, or not to be started, and not yet warm."""
        self._most_alive: int | None = None
        self.records: dict[str, VariantRecord] = {}

    @property
    def baseline_worker(self) -> Worker:
        """The baseline's worker, warm."""
        return self._resident[0].worker

    def open_baseline(self) -> Built:
        """Start and warm the baseline; write its weights for all others, and its outputs.

        :raises WorkerError: if the target itself does not work: then there is nothing to audit.
        """
        worker, built = self._starter.start()
        self._starter.source_roots = built.source_roots
        self._starter.chosen = {name: built.settings.get(name) for name in CHOSEN_BY_TARGET}
        try:
            with self._times.spent_on("sharing the weights", overhead=True):
                worker.save_weights(str(self._starter.weights_file))
            self._resident.append(self._warm(worker, built, BASELINE))
        except BaseException:
            worker.close()
            raise
        return built

    def open_control(self) -> None:
        """Start the baseline a second time: what it differs from itself by is no gain."""
        runner = self._open(CONTROL)
        if runner is not None:
            self._resident.append(runner)

    def close(self) -> None:
        """End all workers."""
        while self._ahead:
            started = self._ahead.popitem()[1]
            if not isinstance(started, WorkerError):
                started[0].close()
        while self._others:
            self._others.popitem()[1].worker.close()
        while self._resident:
            self._resident.pop().worker.close()

    def measure(self, batch: Batch, policy: RoundPolicy) -> RoundTimes:
        """Measure a batch's variants beside the baseline and its control. What failed is in ``records``."""
        variants = [variant for variant in batch.variants if variant.fixes]
        for variant in variants:
            if variant.id in self._others:
                self._others[variant.id] = self._others.pop(variant.id)
        self._start_ahead([variant for variant in variants if variant.id not in self._others])
        runners = list(self._resident)
        for number, variant in enumerate(variants):
            if variant.id not in self._others:
                self._progress.advance(f"warming {variant.id}")
                self._make_room({each.id for each in variants}, still_to_open=len(variants) - number)
                opened = self._open(variant)
                if opened is None:
                    continue
                self._others[variant.id] = opened
            runners.append(self._others[variant.id])
        return self._rounds(runners, policy)

    def room(self) -> int:
        """How many workers fit into the memory, the living ones included, by what the baseline's needs of its own."""
        if self._most_alive is None:
            self._most_alive = len(self._resident) + int(free_bytes() / self._own_bytes())
        return self._most_alive

    def _make_room(self, wanted: Collection[str], *, still_to_open: int) -> None:
        """End the workers that were idle longest until there is room for one more."""
        idle = [name for name in self._others if name not in wanted]
        while idle and (
            len(self._resident) + len(self._others) + still_to_open > self.room()
            or free_bytes() < 2 * self._own_bytes()
        ):
            self._others.pop(idle.pop(0)).worker.close()

    def _start_ahead(self, variants: list[VariantRequest]) -> None:
        """Start two at a time where nothing is timed: not where a fix compiles, nor where memory is short."""
        eager = [variant for variant in variants if uncompiled(variant.fixes) == variant.fixes]
        living = len(self._resident) + len(self._others)
        if living + len(variants) > self.room() or free_bytes() < 2 * len(variants) * self._own_bytes():
            return
        started_seconds = time.perf_counter()
        with ThreadPoolExecutor(STARTED_AT_ONCE) as pool:
            self._ahead.update(
                zip([variant.id for variant in eager], pool.map(self._started_apart, eager), strict=True)
            )
        seconds = time.perf_counter() - started_seconds
        built = [each[1] for each in self._ahead.values() if not isinstance(each, WorkerError)]
        fixing = min(seconds, sum(each.fix_seconds for each in built) / STARTED_AT_ONCE)
        self._times.add("starting workers", seconds - fixing, overhead=True)
        self._times.add("applying fixes", fixing, overhead=False)

    def _started_apart(self, variant: VariantRequest) -> tuple[Worker, Built] | WorkerError:
        try:
            return self._starter.start(variant.fixes, times=TimeSheet())
        except WorkerError as error:
            return error

    def _started(self, variant: VariantRequest) -> tuple[Worker, Built]:
        started = self._ahead.pop(variant.id, None)
        if isinstance(started, WorkerError):
            raise started
        return started or self._starter.start(variant.fixes)

    def _own_bytes(self) -> int:
        return private_bytes(self._resident[0].worker.process_id)

    def _open(self, variant: VariantRequest) -> WarmWorker | None:
        try:
            worker, built = self._started(variant)
        except WorkerError as error:
            self.records[variant.id] = VariantRecord(fixes=variant.fixes, error=error.sentence)
            return None
        if built.declined:
            worker.close()
            self.records[variant.id] = VariantRecord(
                fixes=variant.fixes, declined=built.declined, error=" ".join(built.declined.values())
            )
            return None
        try:
            return self._warm(worker, built, variant)
        except WorkerError as error:
            worker.close()
            self.records[variant.id] = VariantRecord(fixes=variant.fixes, did=built.did, error=error.sentence)
            return None

    def _warm(self, worker: Worker, built: Built, variant: VariantRequest) -> WarmWorker:
        """The first run, with whatever it compiles, apart from the steady state; then one run more where it tells more.

        The control keeps the output of its second run: what a loop carries over from run to run shows as well.
        """
        file = str(outputs_file(self._folder, variant.id))
        again = variant == CONTROL
        with self._times.spent_on("warming up and compiling", overhead=False):
            warmed = warm(
                worker,
                variant.id,
                first_outputs=None if again else file,
                second_outputs=file if again else None,
                once_if_longer_than=None if built.compiled or again else LONG_RUN_SECONDS,
            )
        self.records[variant.id] = VariantRecord(
            fixes=variant.fixes,
            did=built.did,
            build_seconds=built.build_seconds,
            first_run_seconds=warmed.first_run_seconds,
            peak_memory_bytes=warmed.peak_memory_bytes,
        )
        return warmed

    def _rounds(self, runners: list[WarmWorker], policy: RoundPolicy) -> RoundTimes:
        """Round by round; where nothing is left to compare, only as many as the baseline's own time needs."""
        times = RoundTimes()
        running = {runner.id: runner for runner in runners}
        started = time.perf_counter()
        done = 0
        with self._times.spent_on("timed rounds", overhead=False):
            while another_round(
                rounds_done=done,
                elapsed_seconds=time.perf_counter() - started,
                budget_seconds=policy.budget_seconds,
                min_rounds=policy.min_rounds,
                max_rounds=policy.max_rounds if len(running) > len(self._resident) else policy.min_rounds,
            ):
                for entry in balanced_order(list(running), done):
                    try:
                        seconds = running[entry].turn()
                    except WorkerError as error:
                        if running[entry] in self._resident:
                            raise
                        times = times.with_failure(done, entry, error.sentence)
                        self.records[entry] = msgspec.structs.replace(self.records[entry], error=error.sentence)
                        self._others.pop(entry).worker.close()
                        del running[entry]
                    else:
                        times = times.with_run(done, entry, seconds)
                done += 1
                self._progress.advance(f"round {done} of {len(running)} variants")
        return times


def free_bytes() -> int:
    """What live workers may still take."""
    return int(psutil.virtual_memory().available * MEMORY_SHARE)


def private_bytes(process_id: int) -> int:
    """What a process would free if it ended: resident pages that no other process shares."""
    try:
        return max(1, int(psutil.Process(process_id).memory_full_info().uss))
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return max(1, int(psutil.Process().memory_info().rss))


def outputs_file(folder: RunFolder, variant: str) -> Path:
    """Where a variant's outputs are."""
    return folder.artifacts(variant) / OUTPUTS_FILE
