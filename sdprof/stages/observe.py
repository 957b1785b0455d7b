"""Run a variant under one collector after the other, and keep what each of them leaves."""

from __future__ import annotations

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from sdprof.model import LoopMap, Missing
from sdprof.run_folder import Part, RunFolder
from sdprof.stages.counted_run import CountedRun, outputs_files
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress
from sdprof.stages.variants import VariantStarter, uncompiled, variant_id
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.protocol import SIMULATED, Collect, Collected

BEFORE = (
    "environment",
    "peaks",
    "loop",
    "modules",
    "operators",
    "memory",
    "transfers",
    "next_setup",
    "torch_trace",
    "lines",
    "stacks",
    "graphs",
    "graphs_with_grad",
)
"""What is watched of the baseline: cheap and quiet first, TorchDynamo last. Sampling runs without grad: what grad adds
is looked at here, and not again after the fixes."""
OPTIONS = {"graphs.grad": "off"}
"""With grad TorchDynamo looks in a worker of its own."""
AFTER = ("loop", "modules", "operators", "memory", "torch_trace", "stacks", "graphs")
"""What is worth watching once more when the fixes are in."""
REWRITTEN = ("loop", "operators", "transfers", "next_setup", "graphs")
"""What tells whether findings in the source are gone when the source fixes of the patch are in, and no others."""
WITHOUT_TIMES = ("graphs", "graphs_with_grad")
"""These time nothing: there is nothing to warm up for, and another worker may be busy beside them. So it is on the
simulated device."""
ON_SIMULATED_DEVICE = frozenset({"transfers", "next_setup"})
"""Where there is no CUDA device, these watch the loop on the simulated one, in a worker of its own."""
FIRST_OF = {"next_setup": "transfers"}
"""Who looks at the same things a second time: not without the first, and the same reason is not told twice."""
TITLES = {
    "costs": "Operations, memory and roofline",
    "environment": "Environment",
    "peaks": "Peaks of this machine",
    "loop": "The sampling loop",
    "modules": "Module calls",
    "operators": "Operators by expression",
    "memory": "Memory",
    "transfers": "Copies and synchronisations",
    "next_setup": "Copies before the loop of a second run",
    "torch_trace": "Operator trace",
    "lines": "Time by line",
    "stacks": "Stack samples",
    "graphs": "Graph breaks",
    "graphs_with_grad": "Graph breaks with grad",
}
SAME_SOURCE = Part(
    state="missing", reason="The fixes compile the code as it is: what breaks is what broke before.", remedy=""
)
TIMED_RUN = "timed-run"
"""Folder of what is known of the run that is timed, which has more steps than the observed ones."""
TRACE_SUFFIX = ".pt.trace.json.gz"


@dataclass(frozen=True)
class _Start:
    """How a worker is started whose run is watched."""

    variant: str
    """Whose artifacts they are."""
    fixes: tuple[str, ...]
    steps: int
    warm: bool
    device: str | None
    """Where that differs from the request's."""
    times: TimeSheet
    keeps_outputs: bool = False
    """Whether rewrites of the loop, which are run and counted in the same way, are to be compared with this run."""


class Observer:
    """Collects artifacts of variants into the run folder; what is there already is not collected again."""

    def __init__(
        self, starter: VariantStarter, folder: RunFolder, times: TimeSheet, progress: Progress, *, on_cuda: bool
    ) -> None:
        self._starter = starter
        self._on_cuda = on_cuda
        self._folder = folder
        self._times = times
        self._progress = progress

    def aside(self) -> Observer:
        """One whose seconds are not booked, for they pass beside something that is."""
        return Observer(self._starter, self._folder, TimeSheet(), self._progress, on_cuda=self._on_cuda)

    @property
    def transfer_device(self) -> str | None:
        """The device on which copies and waits are counted; None where it is the request's own."""
        return None if self._on_cuda else SIMULATED

    def observe(
        self,
        fixes: tuple[str, ...],
        collectors: tuple[str, ...],
        *,
        steps: int | None = None,
        warm: bool = True,
        device: str | None = None,
        timed: bool = True,
        warmed: Worker | None = None,
    ) -> tuple[Missing, ...]:
        """Run the collectors on a variant, each in a run of its own, all in one worker.

        A collector that fails costs its own section; the next one gets a fresh worker.

        :param steps: sampling steps of a run; by default as many as the request has under a profiler.
        :param warm: whether to run once before the first collector.
        :param device: where all of them run; by default on the request's device, and without a GPU those that need one
            on the simulated one.
        :param timed: whether any of what is collected will be read as a time; else all may run beside each other.
        :param warmed: a worker of the variant that has run already, with as many steps; it is closed here.
        """
        steps = steps or self._starter.request.profile_steps
        without = self._starter.request.without_collectors
        collectors = tuple(name for name in collectors if name not in without and FIRST_OF.get(name) not in without)
        as_asked = self._on_cuda or device is not None
        simulated = [name for name in collectors if name in ON_SIMULATED_DEVICE and not as_asked]
        timeless = [name for name in collectors if name in WITHOUT_TIMES]
        if fixes and not uncompiled(fixes):
            for name in timeless:
                self._folder.record(_part(variant_id(fixes), name), SAME_SOURCE)
            timeless = []
        start = _Start(variant_id(fixes), fixes, steps, warm, device, self._times)
        others = [name for name in collectors if name not in (*simulated, *timeless, *WITHOUT_TIMES)]
        if timed:
            self._observe(others, start, warmed)
        # What runs beside another is not booked, for its seconds have passed already: only the wait for its end is.
        unbooked = replace(start, warm=False, times=TimeSheet())
        cold = replace(start, fixes=uncompiled(fixes), warm=False)
        aside = replace(unbooked, device=SIMULATED, keeps_outputs=not fixes)
        with ThreadPoolExecutor(max_workers=1) as beside:
            unfinished = [
                beside.submit(self._observe, simulated, aside),
                beside.submit(self._observe, timeless[1:], replace(unbooked, fixes=cold.fixes)),
            ]
            if not timed:
                unfinished.append(beside.submit(self._observe, others, replace(start, times=TimeSheet()), warmed))
            self._observe(timeless[:1], cold)
            with self._times.spent_on("observing: what ran beside graph breaks", overhead=False):
                for each in unfinished:
                    each.result()
        return self.missing(fixes, collectors)

    def _observe(self, collectors: list[str], start: _Start, worker: Worker | None = None) -> None:
        wanted = [name for name in collectors if not self._is_done(start.variant, name)]
        try:
            for name in wanted:
                self._progress.advance(TITLES[name])
                if worker is None:
                    worker = self._start(start, wanted[wanted.index(name) :])
                    if worker is None:
                        break
                if not self._collect(worker, name, start):
                    worker.close()
                    worker = None
        finally:
            if worker is not None:
                worker.close()

    def calls_per_run(self, worker: Worker) -> int:
        """Calls of the first hot module in one timed run: what the milliseconds of a step are a share of."""
        folder = self._folder.artifacts(TIMED_RUN)
        reply = worker.collect(Collect(collector="loop", folder=str(folder)))
        loop = self._loop(folder) if isinstance(reply, Collected) else None
        return max(1, loop.calls) if loop is not None else 1

    def counted_run(self) -> CountedRun | None:
        """The observed run that the loop's rewrites can be compared with; None where it ran in another way than they.

        On a GPU events are counted in a worker that has run before.
        """
        baseline = variant_id(())
        part = self._folder.state(_part(baseline, "transfers"))
        outputs, again = outputs_files(self._folder.artifacts(baseline))
        if part is None or part.state != "done" or not (outputs.exists() and again.exists()):
            return None
        return CountedRun(outputs=outputs, outputs_again=again, seconds=part.seconds)

    def missing(self, fixes: tuple[str, ...], collectors: tuple[str, ...]) -> tuple[Missing, ...]:
        """What could not be collected of a variant, and why."""
        variant = variant_id(fixes)
        parts = [(name, self._folder.state(_part(variant, name))) for name in collectors]
        suffix = "" if not fixes else " (after)"
        missing = {name for name, part in parts if part is not None and part.state != "done"}
        found = [
            Missing(section=TITLES[name] + suffix, reason=part.reason, remedy=part.remedy)
            for name, part in parts
            if part is not None and name in missing and FIRST_OF.get(name) not in missing
        ]
        loop = self._loop(self._folder.artifacts(variant))
        if loop is not None and loop.calls == 0:
            found.insert(0, never_called(loop.hot_module, TITLES["loop"] + suffix))
        return tuple(found)

    def _start(self, start: _Start, waiting: list[str]) -> Worker | None:
        try:
            worker, _ = self._starter.start(start.fixes, steps=start.steps, device=start.device, times=start.times)
            if start.warm:
                with start.times.spent_on("warming up before observation", overhead=False):
                    worker.run()
        except WorkerError as error:
            for name in waiting:
                self._folder.record(_part(start.variant, name), Part(state="failed", reason=_sentence(error)))
            return None
        return worker

    def _collect(self, worker: Worker, name: str, start: _Start) -> bool:
        """Run one collector; False where the worker cannot be used any more."""
        variant, times = start.variant, start.times
        artifacts = self._folder.artifacts(variant)
        request = self._starter.request
        outputs, again = outputs_files(artifacts)
        keeps_outputs = start.keeps_outputs and name == "transfers"
        order = Collect(
            collector=name,
            folder=str(artifacts),
            loop=self._loop(artifacts),
            lines=request.lines,
            options={**OPTIONS, **request.collector_options},
            outputs_file=str(outputs) if keeps_outputs else None,
        )
        try:
            with times.spent_on(f"observing: {TITLES[name].lower()}", overhead=False):
                reply = worker.collect(order)
                if keeps_outputs and isinstance(reply, Collected):
                    worker.run(str(again))
        except WorkerError as error:
            self._folder.record(_part(variant, name), Part(state="failed", reason=_sentence(error)))
            return False
        if isinstance(reply, Collected):
            self._publish_trace(variant, artifacts)
            self._folder.record(_part(variant, name), Part(state="done", seconds=reply.seconds))
        else:
            self._folder.record(_part(variant, name), Part(state="missing", reason=reply.reason, remedy=reply.remedy))
        return True

    def _loop(self, artifacts: Path) -> LoopMap | None:
        with contextlib.suppress(FileNotFoundError):
            return msgspec.json.decode((artifacts / "loop.json").read_bytes(), type=LoopMap)
        return None

    def _publish_trace(self, variant: str, artifacts: Path) -> None:
        """Show traces to TensorBoard as the runs "before" and "after"; the same file, not a second one."""
        run = self._folder.tensorboard("before" if variant == variant_id(()) else "after")
        for trace in artifacts.glob(f"*{TRACE_SUFFIX}"):
            shown = run / trace.name
            if not shown.exists():
                try:
                    os.link(trace, shown)
                except OSError:
                    shutil.copyfile(trace, shown)

    def _is_done(self, variant: str, name: str) -> bool:
        part = self._folder.state(_part(variant, name))
        return part is not None and part.state == "done"


def never_called(hot_module: str, section: str) -> Missing:
    """What to say where a run never called its first hot module: nothing can be told of its steps."""
    return Missing(
        section=section,
        reason=f"The run never called the hot module {hot_module!r}, so its steps cannot be told apart.",
        remedy="Name first in hot_modules the module that run() really calls, at every step.",
    )


def _part(variant: str, collector: str) -> str:
    return f"observe/{variant}/{collector}"


def _sentence(error: WorkerError) -> str:
    return error.sentence[:1].upper() + error.sentence[1:] + "."
