"""Time variants against each other: one worker each, warmed once, then asked in turn, round by round."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
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
from sdprof.stages.warm_worker import SHORTEST_SAMPLE_SECONDS, WarmWorker, steady
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.protocol import Built, Ran

WARMING = "warming up and compiling"
OUTPUTS_FILE = "outputs.safetensors"
MEMORY_SHARE = 0.8
"""Of the free memory that live workers may take together."""
LONG_RUN_SECONDS = 4 * SHORTEST_SAMPLE_SECONDS
"""An eager first run that took longer is warm-up enough: what it did once (allocations, packing) is done, and a run is
long enough to be a sample."""
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


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A variant's worker after its first run."""

    variant: VariantRequest
    worker: Worker
    built: Built
    first: Ran


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
        self._control_started = False
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
            with self._times.spent_on(WARMING, overhead=False):
                self._resident.append(self._steady(self._first_run(worker, built, BASELINE)))
        except BaseException:
            worker.close()
            raise
        return built

    def close_but(self, variants: Collection[str]) -> None:
        """End all workers but those of some variants, which stay warm for whoever wants to watch them."""
        for variant in [each for each in self._others if each not in variants]:
            self._others.pop(variant).worker.close()
        while self._resident:
            self._resident.pop().worker.close()

    def hand_over(self, variant: str) -> Worker | None:
        """A variant's warm worker, the caller's to close from now on; None where it is not alive any more."""
        warmed = self._others.pop(variant, None)
        return None if warmed is None else warmed.worker

    def close(self) -> None:
        """End all workers."""
        self.close_but(())

    def measure(self, batch: Batch, policy: RoundPolicy) -> RoundTimes:
        """Measure a batch's variants beside the baseline and its control. What failed is in ``records``.

        The control is started with the first batch: what the baseline differs from itself by is no gain.
        """
        variants = [variant for variant in batch.variants if variant.fixes]
        for variant in variants:
            if variant.id in self._others:
                self._others[variant.id] = self._others.pop(variant.id)
        new = [variant for variant in variants if variant.id not in self._others]
        if not self._control_started:
            self._control_started = True
            new.insert(0, CONTROL)
        if self._fit(new):
            self._keep(self._warm(self._open_together(new)))
        else:
            for number, variant in enumerate(new):
                self._make_room({each.id for each in variants}, still_to_open=len(new) - number)
                self._keep(self._warm([self._open(variant, self._times)]))
        alive = [self._others[variant.id] for variant in variants if variant.id in self._others]
        return self._rounds([*self._resident, *alive], policy)

    def room(self) -> int:
        """How many workers fit into the memory, the living ones included.

        Each may need what the baseline has of its own, and a copy of the weights: packed, frozen or converted.
        """
        if self._most_alive is None:
            self._most_alive = len(self._resident) + int(free_bytes() / (self._own_bytes() + self._weights_bytes()))
        return self._most_alive

    def spare_copies(self) -> int | None:
        """How many workers that only run, for nothing is timed, may copy the weights; None for any number."""
        weights_bytes = self._weights_bytes()
        return int(free_bytes() / weights_bytes) if weights_bytes else None

    def _weights_bytes(self) -> int:
        weights = self._starter.weights_file
        return weights.stat().st_size if weights.exists() else 0

    def _make_room(self, wanted: Collection[str], *, still_to_open: int) -> None:
        """End the workers that were idle longest until there is room for one more."""
        idle = [name for name in self._others if name not in wanted]
        while idle and (
            len(self._resident) + len(self._others) + still_to_open > self.room()
            or free_bytes() < 2 * self._own_bytes()
        ):
            self._others.pop(idle.pop(0)).worker.close()

    def _fit(self, variants: Collection[VariantRequest]) -> bool:
        """Whether all of them can be alive beside all that are, with room for what starting takes for a while."""
        living = len(self._resident) + len(self._others)
        return living + len(variants) <= self.room() and free_bytes() >= 2 * len(variants) * self._own_bytes()

    def _open_together(self, variants: Collection[VariantRequest]) -> list[_Opened | None]:
        """Two at a time, for nothing is timed yet; what compiles goes first, for it takes longest."""
        in_order = sorted(variants, key=lambda variant: uncompiled(variant.fixes) == variant.fixes)
        sheets = [TimeSheet() for _ in in_order]
        started_seconds = time.perf_counter()
        with ThreadPoolExecutor(STARTED_AT_ONCE) as pool:
            opened = list(pool.map(self._open, in_order, sheets))
        self._times.spread(time.perf_counter() - started_seconds, sheets)
        return opened

    def _keep(self, warmed: Iterable[WarmWorker]) -> None:
        for each in warmed:
            if each.id == CONTROL.id:
                self._resident.append(each)
            else:
                self._others[each.id] = each

    def _own_bytes(self) -> int:
        return private_bytes(self._resident[0].worker.process_id)

    def _open(self, variant: VariantRequest, times: TimeSheet) -> _Opened | None:
        """Start a variant's worker and run it once, with whatever that compiles; None, and a record, where it fails."""
        self._progress.advance(f"warming {variant.id}")
        try:
            worker, built = self._starter.start(variant.fixes, times=times)
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
            with times.spent_on(WARMING, overhead=False):
                return self._first_run(worker, built, variant)
        except WorkerError as error:
            self._failed(worker, built, variant, error)
            return None

    def _first_run(self, worker: Worker, built: Built, variant: VariantRequest) -> _Opened:
        """The control keeps the output of its second run: what a loop carries over from run to run shows as well."""
        return _Opened(
            variant=variant,
            worker=worker,
            built=built,
            first=worker.run(None if variant == CONTROL else str(outputs_file(self._folder, variant.id))),
        )

    def _warm(self, opened: Iterable[_Opened | None]) -> list[WarmWorker]:
        """One after the other, by itself: how long a run is decides how often one is repeated in a turn."""
        warmed = []
        with self._times.spent_on(WARMING, overhead=False):
            for each in opened:
                if each is not None:
                    try:
                        warmed.append(self._steady(each))
                    except WorkerError as error:
                        self._failed(each.worker, each.built, each.variant, error)
        return warmed

    def _steady(self, opened: _Opened) -> WarmWorker:
        variant, built = opened.variant, opened.built
        control = variant == CONTROL
        warmed = steady(
            opened.worker,
            variant.id,
            opened.first,
            second_outputs=str(outputs_file(self._folder, variant.id)) if control else None,
            once_if_longer_than=None if built.compiled or control else LONG_RUN_SECONDS,
        )
        self.records[variant.id] = VariantRecord(
            fixes=variant.fixes,
            did=built.did,
            build_seconds=built.build_seconds,
            first_run_seconds=warmed.first_run_seconds,
            peak_memory_bytes=warmed.peak_memory_bytes,
        )
        return warmed

    def _failed(self, worker: Worker, built: Built, variant: VariantRequest, error: WorkerError) -> None:
        worker.close()
        self.records[variant.id] = VariantRecord(fixes=variant.fixes, did=built.did, error=error.sentence)

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
