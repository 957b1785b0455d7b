"""Start the worker of a variant: the target with a set of fixes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sdprof.comparison.plan_structs import BASELINE
from sdprof.fixes.registry import all_fixes
from sdprof.model import Finding, LoopMap, ModuleProfile, RewrittenFile
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.request import AuditRequest
from sdprof.stages.variant_overlays import ChangedFileError, VariantOverlays
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import DirectLauncher, Launcher
from sdprof.worker.protocol import SIMULATED, Build, Built

STARTED_AT_ONCE = 2
"""Workers that start beside each other where nothing is timed."""
WEIGHTS_FILE = "weights.safetensors"


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What the baseline's observation tells the fixes."""

    findings: tuple[Finding, ...] = ()
    loop: LoopMap | None = None
    modules: ModuleProfile | None = None


def variant_id(fixes: tuple[str, ...]) -> str:
    """The name of a set of fixes; also the name of its folder."""
    return "+".join(fixes) if fixes else BASELINE.id


def uncompiled(fixes: tuple[str, ...]) -> tuple[str, ...]:
    """The fixes that change what would be compiled."""
    compiling = {fix.id for fix in all_fixes() if fix.compiles}
    return tuple(fix for fix in fixes if fix not in compiling)


class VariantStarter:
    """Starts workers that differ in nothing but their fixes."""

    def __init__(
        self,
        request: AuditRequest,
        scratch: Path,
        times: TimeSheet,
        launcher: Launcher,
        overlays: VariantOverlays,
    ) -> None:
        self.request = request
        self.overlays = overlays
        self._launcher = launcher
        self.weights_file = scratch / WEIGHTS_FILE
        self.diagnosis = Diagnosis()
        self.chosen: dict[str, str | int | None] = {}
        """What the target chose where it is timed: the simulated device must not make it choose another size, nor half
        precision, with which the CPU behind it took ten times as long."""
        self.source_roots: tuple[str, ...] = ()
        """Those of the baseline: a target that runs as a rewritten copy must not take the copy's folder for its own."""
        self._times = times

    def start(
        self,
        fixes: tuple[str, ...] = (),
        *,
        steps: int | None = None,
        device: str | None = None,
        overlay: tuple[RewrittenFile, ...] = (),
        timeout_seconds: float | None = None,
        times: TimeSheet | None = None,
    ) -> tuple[Worker, Built]:
        """Start a worker and build a variant in it.

        :param steps: sampling steps of a run, where they differ from the request's.
        :param device: where to run, where that differs from the request's.
        :param overlay: source files that run as rewritten copies.
        :param timeout_seconds: longest wait for one answer, where that differs from the request's.
        :param times: where to book it, where it runs beside something that is booked already.
        :raises WorkerError: if the build fails; the worker is closed then.
        """
        try:
            overlay = overlay or self.overlays.of(variant_id(fixes), fixes)
        except ChangedFileError as error:
            raise WorkerError("fix", str(error)) from None
        launchers = (self._launcher.apart_from(tuple(each.original for each in overlay)), DirectLauncher())
        for launcher in launchers if overlay else (self._launcher,):
            try:
                worker, built = self._start(
                    launcher, fixes, steps, device, overlay, timeout_seconds, times or self._times
                )
            except WorkerError as error:
                if error.trouble == "overlay" and launcher is not launchers[-1]:
                    continue
                raise
            break
        # What fixes and the simulated device import is not every variant's.
        if not fixes and not overlay and device is None and self.request.options.get("device") != SIMULATED:
            self._launcher.learn(built.libraries)
        return worker, built

    def _start(
        self,
        launcher: Launcher,
        fixes: tuple[str, ...],
        steps: int | None,
        device: str | None,
        overlay: tuple[RewrittenFile, ...],
        timeout_seconds: float | None,
        times: TimeSheet,
    ) -> tuple[Worker, Built]:
        request = self.request
        differing = {**(self.chosen if device is not None else {}), "steps": steps, "device": device}
        options = {**request.options, **{name: value for name, value in differing.items() if value is not None}}
        with times.spent_on("starting workers", overhead=True):
            worker = Worker(
                name=f"the worker of {variant_id(fixes)}",
                timeout_seconds=timeout_seconds or request.timeout_seconds,
                launcher=launcher,
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
                        overlay=overlay,
                        source_roots=self.source_roots if overlay else (),
                        without_values=request.without_values,
                    )
                )
            except BaseException:
                worker.close()
                raise
            times.add("starting workers", -built.fix_seconds, overhead=True)
            times.add("applying fixes", built.fix_seconds, overhead=False)
        return worker, built
