"""Start the worker of a variant: the target with a set of fixes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sdprof.comparison.plan_structs import BASELINE
from sdprof.model import Finding, LoopMap, ModuleProfile
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.request import AuditRequest
from sdprof.worker.client import Worker
from sdprof.worker.launcher import Launcher
from sdprof.worker.protocol import Build, Built

WEIGHTS_FILE = "weights.safetensors"


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What the baseline's observation tells the fixes."""

    findings: tuple[Finding, ...] = ()
    loop: LoopMap | None = None
    modules: ModuleProfile | None = None


def variant_id(fixes: tuple[str, ...]) -> str:
    """The name of a set of fixes; also the name of its folder."""
    return "+".join(fixes) if fixes else BASELINE.id


class VariantStarter:
    """Starts workers that differ in nothing but their fixes."""

    def __init__(self, request: AuditRequest, scratch: Path, times: TimeSheet, launcher: Launcher) -> None:
        self.request = request
        self._launcher = launcher
        self.weights_file = scratch / WEIGHTS_FILE
        self.diagnosis = Diagnosis()
        self.shape: dict[str, str | int | None] = {}
        """The size that the target chose on its own device: another device must not make it choose another."""
        self._times = times

    def start(
        self, fixes: tuple[str, ...] = (), *, steps: int | None = None, device: str | None = None
    ) -> tuple[Worker, Built]:
        """Start a worker and build a variant in it.

        :param steps: sampling steps of a run, where they differ from the request's.
        :param device: where to run, where that differs from the request's.
        :raises WorkerError: if the build fails; the worker is closed then.
        """
        request = self.request
        differing = {**(self.shape if device is not None else {}), "steps": steps, "device": device}
        options = {**request.options, **{name: value for name, value in differing.items() if value is not None}}
        with self._times.spent_on("starting workers", overhead=True):
            worker = Worker(
                name=f"the worker of {variant_id(fixes)}",
                timeout_seconds=request.timeout_seconds,
                launcher=self._launcher,
            )
            try:
                built = worker.build(
                    Build(
                        target_file=request.target_file,
                        target_name=request.target_name,
                        options=options,
                        extra=request.extra,
                        fixes=fixes,
                        findings=self.diagnosis.findings,
                        loop=self.diagnosis.loop,
                        modules=self.diagnosis.modules,
                        weights_file=str(self.weights_file) if self.weights_file.exists() else None,
                        threads=request.threads,
                        without_values=request.without_values,
                    )
                )
            except BaseException:
                worker.close()
                raise
            # What fixes and the simulated device import is not every variant's.
            if not fixes and device is None and options.get("device") != "simulated":
                self._launcher.learn(built.libraries)
        return worker, built
