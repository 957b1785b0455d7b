"""The workers of a series: one for each configuration that can be had here, and one for the control."""

from __future__ import annotations

import re
from pathlib import Path

from sdprof.bench.conditions import gpu_memory_bytes
from sdprof.model.bench import BenchSettings, Configuration, Entry
from sdprof.stages.measure import MEMORY_SHARE, free_bytes, private_bytes
from sdprof.stages.warm_worker import WarmWorker, warm
from sdprof.target_index import find_target
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import Launcher
from sdprof.worker.protocol import Build, Built

MOST_STARTS = 3
"""A configuration that failed in a round is started again for the next one; after so many times it is left alone."""


class Competitors:
    """Starts, warms, asks and ends the workers of one series."""

    def __init__(
        self,
        settings: BenchSettings,
        shared_extra: dict[str, str],
        scratch: Path,
        launcher: Launcher,
        timeout_seconds: float,
    ) -> None:
        self._settings = settings
        self._extra = shared_extra
        self._scratch = scratch
        self._launcher = launcher
        self._timeout_seconds = timeout_seconds
        self._configurations: dict[str, Configuration] = {}
        self._warm: dict[str, WarmWorker] = {}
        self._starts: dict[str, int] = {}
        self.fresh_workers = settings.fresh_workers
        """Whether every turn starts its own worker: asked for, or because the device cannot hold all at once."""

    def __enter__(self) -> Competitors:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in self._warm.values():
            each.worker.close()
        self._warm.clear()

    def admit(self, configuration: Configuration, name: str | None = None) -> Entry:
        """Build and warm a configuration; say so where it cannot be had here.

        :param name: its name in the rounds, where that is not its id: the control.
        """
        name = name or configuration.id
        self._configurations[name] = configuration
        try:
            warmed, built = self._start(name)
        except WorkerError as error:
            del self._configurations[name]
            return Entry(configuration=configuration, not_available=_reason(error, name))
        self._keep(name, warmed, str(built.settings.get("device")))
        return Entry(
            configuration=configuration,
            settings=built.settings,
            parameters=built.parameters,
            did=_what_fixes_did(built),
            first_run_seconds=warmed.first_run_seconds,
            peak_memory_bytes=warmed.peak_memory_bytes,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Who takes part, in the order in which they were admitted."""
        return tuple(self._configurations)

    def turn(self, name: str) -> float:
        """Seconds of one turn.

        :raises WorkerError: if the run fails; its worker is ended then, and the next turn starts another one.
        """
        warmed = self._warm.pop(name, None)
        if warmed is None:
            if self._starts[name] >= MOST_STARTS and not self.fresh_workers:
                raise WorkerError("internal", f"it failed in {MOST_STARTS} workers, and was not started again")
            warmed, _ = self._start(name)
        try:
            seconds = warmed.turn()
        except BaseException:
            warmed.worker.close()
            raise
        if self.fresh_workers:
            warmed.worker.close()
        else:
            self._warm[name] = warmed
        return seconds

    def outputs_file(self, name: str) -> Path:
        """What its first run returned."""
        return self._scratch / f"{name.replace(' ', '-')}.outputs.safetensors"

    def _keep(self, name: str, warmed: WarmWorker, device: str) -> None:
        """Keep the worker, as long as there is room for one more like it."""
        self._warm[name] = warmed
        if not self.fresh_workers and _is_room_beside(warmed, len(self._warm), device):
            return
        self.fresh_workers = True
        for each in self._warm.values():
            each.worker.close()
        self._warm.clear()

    def _start(self, name: str) -> tuple[WarmWorker, Built]:
        configuration = self._configurations[name]
        self._starts[name] = self._starts.get(name, 0) + 1
        worker = Worker(name=_worker_name(name), timeout_seconds=self._timeout_seconds, launcher=self._launcher)
        try:
            built = self._build(worker, configuration)
            outputs = self.outputs_file(name)
            return warm(worker, name, first_outputs=None if outputs.exists() else str(outputs)), built
        except BaseException:
            worker.close()
            raise

    def _build(self, worker: Worker, configuration: Configuration) -> Built:
        settings = self._settings
        target = find_target(configuration.target)
        weights = self._scratch / f"{configuration.weights}.weights.safetensors"
        fixes = configuration.all_fixes
        built = worker.build(
            Build(
                target_file=str(target.path),
                target_name=target.declaration.name,
                options={
                    name: getattr(settings, name)
                    for name in ("size", "steps", "batch_size", "height", "width", "dtype", "device", "seed", "weights")
                },
                extra={**self._extra, **configuration.extra},
                fixes=fixes,
                weights_file=str(weights) if weights.exists() else None,
                threads=settings.threads,
            )
        )
        if not fixes:  # what fixes import is not for every configuration
            self._launcher.learn(built.libraries)
        missed = [reason for fix, reason in built.declined.items() if fix in configuration.fixes]
        if missed:
            raise WorkerError("fix", " ".join(missed))
        if not weights.exists() and not fixes:  # a fix may have changed them
            worker.save_weights(str(weights))
        return built


def _what_fixes_did(built: Built) -> tuple[str, ...]:
    """In their own words, those that had nothing to do included."""
    left_out = (f"{fix} was left out. {reason}" for fix, reason in built.declined.items())
    return (*(sentence for sentences in built.did.values() for sentence in sentences), *left_out)


def _is_room_beside(warmed: WarmWorker, kept: int, device: str) -> bool:
    """Whether another worker like this one fits, by what this one was seen to take."""
    if device.startswith("cuda"):
        memory = gpu_memory_bytes(device)
        return memory is None or (kept + 1) * (warmed.peak_memory_bytes or 0) <= MEMORY_SHARE * memory
    return free_bytes() > private_bytes(warmed.worker.process_id)


def _reason(error: WorkerError, name: str) -> str:
    """The sentence without what only a developer would want to know: which worker, which exception, where."""
    text = error.sentence.removeprefix(f"{_worker_name(name)}: ")
    raised = re.fullmatch(r"the target's build raised \w+: (.*?)(?: \([^()]*:\d+\))?", text, flags=re.DOTALL)
    return raised[1] if raised else text


def _worker_name(name: str) -> str:
    return f"the worker of {name}"
