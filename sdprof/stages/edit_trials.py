"""Run the loop with edits in it, where copies and waits can be counted, and say what that shows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from safetensors.numpy import load_file

from sdprof.comparison.parity import Outputs, coarsest, compare_outputs
from sdprof.facts.next_setup import with_next_setup
from sdprof.facts.relocate import Relocation
from sdprof.facts.transfer_change import loop_transfers, moved, place_of, staying
from sdprof.fixes.source.compose import compose_files
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.module_source import Sources
from sdprof.model import GraphProfile, Location, LoopMap, Parity, RewriteProof, RewrittenFile, TransferProfile
from sdprof.stages.choose_edits import Trial
from sdprof.stages.counted_run import CountedRun, outputs_files
from sdprof.stages.overlay_folder import write_overlay
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.variants import STARTED_AT_ONCE, VariantStarter
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.protocol import Collect, Collected, NotCollected

SLOWEST = 10.0
"""A rewritten loop that takes this many times as long as the loop as it is, and then some, is taken to hang."""
LEAST_TIMEOUT_SECONDS = 60.0
STAYS = "The event stays where its expression is rewritten"


@dataclass(frozen=True, kw_only=True)
class EditRun:
    """What one run with some edits left."""

    error: str = ""
    """Why it did not run, in one sentence."""
    parity: Parity | None = None
    transfers: TransferProfile | None = None
    """Places are those in the user's files."""
    conflicts: Mapping[Edit, str] = field(default_factory=dict)


class EditTrials:
    """Tries edits on the device whose copies and waits were counted: the real one, or the simulated one."""

    def __init__(
        self,
        starter: VariantStarter,
        sources: Sources,
        scratch: Path,
        times: TimeSheet,
        *,
        device: str | None,
        before: TransferProfile | None,
        loop: LoopMap | None,
        precision: str | None,
        as_it_is: CountedRun | None = None,
    ) -> None:
        """Take the outputs of the loop as it is from the run that was counted, or start it once for them.

        :param device: the device to run on, None for the request's.
        :param before: copies and waits of the loop as it is, counted on that device; None where they cannot be.
        :param loop: where the loop is, as far as that is known: looking for it takes a run.
        :param as_it_is: the run that ``before`` was counted in, where it ran as a trial does.
        :raises WorkerError: if the loop does not run on that device.
        """
        self._starter = starter
        self._sources = sources
        self._scratch = scratch
        self._times = times
        self._device = device
        self._before = before
        self._loop = loop
        self._precision = precision
        self._numbers = itertools.count()
        self._steps = starter.request.profile_steps
        self._runs: dict[tuple[tuple[Edit, ...], int], EditRun] = {}
        """By edits and sampling steps."""
        self._timeout_seconds = LEAST_TIMEOUT_SECONDS
        self._in_each_run = frozenset(
            place_of(site) for site in (before.sites if before is not None else ()) if site.count_in_next_run
        )
        """Places before the loop that copy or wait in every run: what keeps a copy for the next run shows in that."""
        self._outputs: Outputs = {}
        self._outputs_again: Outputs = {}
        if as_it_is is None:
            self._run_as_it_is()
        else:
            self._compare_with(as_it_is)

    def __call__(self, edits: tuple[Edit, ...]) -> Trial:
        """Whether these edits hold together.

        Exact ones are tried without the others first: beside an edit that rounds, a wrong bit would pass for rounding.
        """
        several = _by_numerics(edits)
        if len(several) > 1:
            self.run_ahead(several, time_left=lambda: True)
        trial = Trial()
        for tried in several:
            trial = self._judged(tried)
            if trial.fault:
                break
        return trial

    def _judged(self, edits: tuple[Edit, ...]) -> Trial:
        run = self.run(edits)
        fault = fault_of(run, self._before)
        in_vain: dict[Edit, str] = {}
        left: tuple[Location, ...] = ()
        recurring = 0
        if not fault and run.transfers is not None and self._before is not None:
            counted = {place_of(site) for site in self._before.sites}
            cured = [edit.where for edit in edits if edit not in run.conflicts and edit.where in counted]
            stays = staying(cured, self._before, run.transfers)
            in_vain = {edit: STAYS for edit in edits if edit.where in stays and edit not in run.conflicts}
            left = staying(map(place_of, self._before.sites), self._before, run.transfers)
            recurring = loop_transfers(run.transfers).after_first_step
        return Trial(fault=fault, in_vain=in_vain, conflicts=run.conflicts, left=frozenset(left), recurring=recurring)

    def proof(self, edits: tuple[Edit, ...], *, two_lengths: bool = False) -> RewriteProof | None:
        """What a sound run with these edits shows; None where it is not sound, or no copies can be counted here.

        :param two_lengths: run the loop at twice the steps as well, for what one step more adds.
        """
        run = self.run(edits)
        if fault_of(run, self._before) or run.transfers is None or self._before is None or run.parity is None:
            return None
        after = loop_transfers(run.transfers)
        return RewriteProof(
            device=self._before.device,
            before=loop_transfers(self._before),
            after=after,
            equal=run.parity.max_abs_diff == 0,
            max_rel_diff=run.parity.max_rel_diff,
            to_confirm=any(edit.proof == "arithmetic" for edit in edits),
            per_step=self._per_step(edits, run.transfers) if two_lengths else None,
        )

    def changes_output(self, edits: tuple[Edit, ...]) -> str:
        """How the output differs beyond what the edits declare, in one sentence; empty where it does not."""
        parity = self.run(edits).parity
        return "" if parity is None or parity.passed else parity.reason

    def run(self, edits: tuple[Edit, ...], *, twice_as_long: bool = False) -> EditRun:
        """Run the loop with these edits, once and for all."""
        steps = 2 * self._steps if twice_as_long else self._steps
        if (edits, steps) not in self._runs:
            self._runs[edits, steps] = self._run(edits, steps, self._times)
        return self._runs[edits, steps]

    def run_ahead(
        self,
        several: Iterable[tuple[Edit, ...]],
        time_left: Callable[[], bool],
        *,
        twice_as_long: tuple[Edit, ...] = (),
    ) -> None:
        """Run the loop with each of these sets of edits, two at a time: nothing is timed here.

        :param twice_as_long: edits whose proof will be wanted at two run lengths; run last, at the second of them.
        """
        wanted = [(edits, self._steps) for edits in several]
        if twice_as_long and self._before is not None:
            wanted.append((twice_as_long, 2 * self._steps))

        def run(which: tuple[tuple[Edit, ...], int]) -> None:
            if which not in self._runs and time_left():
                self._runs[which] = self._run(*which, TimeSheet())

        with (
            self._times.spent_on("trying rewrites", overhead=False),
            ThreadPoolExecutor(STARTED_AT_ONCE) as pool,
        ):
            for _ in pool.map(run, wanted):
                pass

    def graphs(self, edits: tuple[Edit, ...]) -> GraphProfile | None:
        """What TorchDynamo makes of the loop with these edits, on the request's own device; None where it cannot tell.

        Places are those in the user's files.
        """
        folder = self._folder()
        texts = {file: each.text for file, each in compose_files(self._sources.of, edits).items()}
        overlay = write_overlay(folder / "overlay", texts)
        try:
            worker, _ = self._starter.start(steps=self._steps, overlay=overlay)
            with self._times.spent_on("trying rewrites", overhead=False):
                try:
                    worker.run()
                    reply = worker.collect(
                        Collect(
                            collector="graphs",
                            folder=str(folder),
                            loop=self._loop_in(overlay, self._steps),
                            options={"graphs.grad": "off"},
                        )
                    )
                finally:
                    worker.close()
        except WorkerError:
            return None
        if isinstance(reply, NotCollected):
            return None
        profile = msgspec.json.decode((folder / "graphs.json").read_bytes(), type=GraphProfile)
        return Relocation.read(overlay).relocated(profile)

    def has_run(self, edits: tuple[Edit, ...]) -> bool:
        """Whether the loop was run with these edits."""
        return (edits, self._steps) in self._runs

    def _run_as_it_is(self) -> None:
        """Output and events of the loop as it is, from runs in the same order as those of a trial."""
        folder = self._folder()
        outputs, again = outputs_files(folder)
        worker, _ = self._starter.start(steps=self._steps, device=self._device)
        with self._times.spent_on("trying rewrites", overhead=False):
            try:
                started = time.perf_counter()
                reply = self._watched(worker, folder, outputs, self._loop)
                seconds = time.perf_counter() - started
                if isinstance(reply, NotCollected):
                    self._before = None
                    worker.run(str(outputs))
                worker.run(str(again))
                if self._in_each_run:
                    worker.collect(Collect(collector="next_setup", folder=str(folder), loop=self._loop))
            finally:
                worker.close()
        if isinstance(reply, Collected):
            self._before = _read(folder, ())
        self._compare_with(CountedRun(outputs=outputs, outputs_again=again, seconds=seconds))

    def _compare_with(self, as_it_is: CountedRun) -> None:
        self._outputs, self._outputs_again = load_file(as_it_is.outputs), load_file(as_it_is.outputs_again)
        self._timeout_seconds = min(
            self._starter.request.timeout_seconds, LEAST_TIMEOUT_SECONDS + SLOWEST * as_it_is.seconds
        )

    def _run(self, edits: tuple[Edit, ...], steps: int, times: TimeSheet) -> EditRun:
        folder = self._folder()
        composed = compose_files(self._sources.of, edits)
        conflicts = {conflict.edit: conflict.reason for each in composed.values() for conflict in each.conflicts}
        overlay = write_overlay(folder / "overlay", {file: each.text for file, each in composed.items()})
        outputs = folder / "outputs.safetensors"
        try:
            worker, _ = self._starter.start(
                steps=steps,
                device=self._device,
                overlay=overlay,
                timeout_seconds=self._timeout_seconds,
                times=times,
            )
            with times.spent_on("trying rewrites", overhead=False):
                try:
                    loop = self._loop_in(overlay, steps)
                    reply = self._watched(worker, folder, outputs, loop)
                    if any(edit.helpers and edit.where in self._in_each_run for edit in edits):
                        worker.collect(Collect(collector="next_setup", folder=str(folder), loop=loop))
                finally:
                    worker.close()
        except WorkerError as error:
            return EditRun(error=error.sentence, conflicts=conflicts)
        if isinstance(reply, NotCollected):
            return EditRun(error=reply.reason, conflicts=conflicts)
        parity = compare_outputs(
            self._outputs,
            load_file(outputs),
            numerics=coarsest(edit.numerics for edit in edits),
            precision=self._precision,
            baseline_again=self._outputs_again,
        )
        transfers = _read(folder, overlay) if reply is not None else None
        return EditRun(
            parity=parity if steps == self._steps else None,
            transfers=transfers,
            conflicts=conflicts,
        )

    def _loop_in(self, overlay: tuple[RewrittenFile, ...], steps: int) -> LoopMap | None:
        if self._loop is None or steps != self._steps:
            return None
        return Relocation.read(overlay).in_copies(self._loop)

    def _watched(
        self, worker: Worker, folder: Path, outputs: Path, loop: LoopMap | None
    ) -> Collected | NotCollected | None:
        """Run the loop for its outputs, and for its copies and waits where they can be counted."""
        if self._before is None:
            worker.run(str(outputs))
            return None
        return worker.collect(Collect(collector="transfers", folder=str(folder), loop=loop, outputs_file=str(outputs)))

    def _per_step(self, edits: tuple[Edit, ...], once: TransferProfile) -> float | None:
        twice = self.run(edits, twice_as_long=True).transfers
        if twice is None or twice.steps <= once.steps:
            return None
        return (loop_transfers(twice).total - loop_transfers(once).total) / (twice.steps - once.steps)

    def _folder(self) -> Path:
        folder = self._scratch / f"trial-{next(self._numbers)}"
        folder.mkdir()
        return folder


def _by_numerics(edits: tuple[Edit, ...]) -> list[tuple[Edit, ...]]:
    """The exact edits, these with those that round, and all."""
    sets = (
        tuple(edit for edit in edits if edit.numerics in classes)
        for classes in (("exact",), ("exact", "rounding"), ("exact", "rounding", "lossy"))
    )
    return list(dict.fromkeys(filter(None, sets)))


def fault_of(run: EditRun, before: TransferProfile | None) -> str:
    """Why the edits of a run cannot stay, in one sentence; empty where they can."""
    if run.error:
        return f"The loop failed with it: {run.error}"
    if run.parity is not None and not run.parity.passed:
        return f"The output changed: {run.parity.reason}"
    if run.transfers is not None and before is not None:
        elsewhere = moved(before, run.transfers)
        if elsewhere:
            return f"A copy or wait moved: {elsewhere}"
    return ""


def _read(folder: Path, overlay: tuple[RewrittenFile, ...]) -> TransferProfile:
    profile = msgspec.json.decode((folder / "transfers.json").read_bytes(), type=TransferProfile)
    next_run = folder / "next_setup.json"
    if next_run.exists():
        profile = with_next_setup(profile, msgspec.json.decode(next_run.read_bytes(), type=TransferProfile))
    return Relocation.read(overlay).relocated(profile)
