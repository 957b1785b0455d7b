"""One variant of a target in this process: built once, then run and watched as often as the parent asks."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from sdprof.collectors import resident_memory
from sdprof.collectors.registry import COLLECTOR_MODULES
from sdprof.collectors.run_stopped import RunStopped
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.device import SimulationWithoutValues, current
from sdprof.fixes.apply import apply_fixes
from sdprof.fixes.subject import Subject
from sdprof.target import BuildOptions, Workload
from sdprof.worker.load_target import TargetError, build_workload, load_build, target_code
from sdprof.worker.outputs import digest, named_outputs, non_finite, save_outputs
from sdprof.worker.overlay import Overlay
from sdprof.worker.protocol import (
    SIMULATED,
    Build,
    Built,
    Collect,
    Collected,
    Done,
    HotModuleInfo,
    NotCollected,
    Ran,
    Run,
    SaveWeights,
)
from sdprof.worker.weights import give_back, map_weights, save_weights


class FixError(Exception):
    """A fix failed in a way that it did not foresee: the variant cannot be used."""


class Session:
    """The state of a worker between two requests."""

    def __init__(self) -> None:
        self._workload: Workload | None = None
        self._subject: Subject | None = None
        self._source_roots: tuple[Path, ...] = ()
        self._user_source: tuple[Path, ...] = ()
        """The roots, and the rewritten copies of files under them."""
        self._overlay = Overlay(())
        self._compiled = False
        self._until_the_end = contextlib.ExitStack()
        self._simulation: SimulationWithoutValues | None = None
        """The simulation, where it computes no values."""

    def build(self, request: Build) -> Built:
        """Import the target, build its workload, give it the shared weights, apply the fixes."""
        if request.threads is not None:
            torch.set_num_threads(request.threads)
        file = Path(request.target_file)
        self._overlay = Overlay(request.overlay)
        self._overlay.install()
        if request.options.get("device") == SIMULATED:
            self._simulate(without_values=request.without_values)
        options = BuildOptions(**_options(request), extra=request.extra)
        before = frozenset(sys.modules)
        started = time.perf_counter()
        build = load_build(file, request.target_name)
        imported = time.perf_counter()
        workload = self._workload = build_workload(build, options)
        built = time.perf_counter()
        if request.weights_file is not None:
            map_weights(workload.hot_modules, Path(request.weights_file))
        settings = workload.settings or options
        self._source_roots = tuple(
            Path(root).resolve() for root in (request.source_roots or workload.source_roots or (file.parent,))
        )
        copies = self._overlay.copies_under(self._source_roots)
        self._user_source = (*self._source_roots, *(Path(copy) for copy in copies))
        self._subject = Subject(
            hot_modules=workload.hot_modules,
            device=torch.device(settings.device),
            dtype=settings.dtype,
            findings=request.findings,
            loop=request.loop,
            modules=request.modules,
            trial_call=self._trial_call,
        )
        fixing = time.perf_counter()
        did, declined, self._compiled = self._apply(request.fixes)
        if request.fixes:
            give_back()  # what they converted and packed on the way
        fixed = time.perf_counter()
        return Built(
            settings={
                name: str(value) if isinstance(value, Path) else value
                for name, value in vars(settings).items()
                if name != "extra"
            },
            parameters=dict(workload.parameters),
            hot_modules=tuple(_describe(name, module) for name, module in workload.hot_modules.items()),
            source_roots=tuple(str(root) for root in self._source_roots),
            did=did,
            declined=declined,
            compiled=self._compiled,
            libraries=installed_modules(before, file.parent),
            import_seconds=imported - started,
            build_seconds=built - imported,
            fix_seconds=fixed - fixing,
        )

    def _apply(self, fixes: tuple[str, ...]) -> tuple[dict[str, tuple[str, ...]], dict[str, str], bool]:
        try:
            applied = apply_fixes(self._the_subject, fixes)
        except Exception as error:
            raise FixError(f"applying {', '.join(fixes)} failed: {type(error).__name__}: {error}") from error
        did = {fix.id: fix.did for fix in applied if not fix.declined}
        declined = {fix.id: fix.declined for fix in applied if fix.declined}
        return did, declined, any(fix.compiles for fix in applied if not fix.declined)

    def _simulate(self, *, without_values: bool) -> None:
        """Let ``cuda`` name the simulated device from now until this process ends."""
        from sdprof.device import SimulationUnavailableError, simulate, simulate_without_values

        try:
            if without_values:
                self._simulation = self._until_the_end.enter_context(simulate_without_values())
            else:
                self._until_the_end.enter_context(simulate())
        except SimulationUnavailableError as error:
            raise TargetError(f"the simulated device is not to be had here: {error}") from None

    def save_weights(self, request: SaveWeights) -> Done:
        """Write the weights for the other workers and use the file's copy from now on."""
        modules = self._the_workload.hot_modules
        save_weights(modules, Path(request.file))
        map_weights(modules, Path(request.file))
        return Done()

    def run(self, request: Run) -> Ran:
        """Run the loop once, timed, with nothing watching."""
        cuda = self._the_subject.device.type == "cuda" and not current.running
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        can_reset = resident_memory.reset_peak()
        started = time.perf_counter()
        returned = self._run_once()
        seconds = time.perf_counter() - started
        self._require_rewrites_in_use()
        peak = torch.cuda.max_memory_allocated() if cuda else resident_memory.peak_bytes() if can_reset else None
        outputs = named_outputs(returned)
        if request.outputs_file is not None:
            save_outputs(outputs, Path(request.outputs_file))
        return Ran(
            seconds=seconds,
            peak_memory_bytes=peak,
            non_finite=non_finite(outputs),
            output_digest=digest(outputs),
        )

    def collect(self, request: Collect) -> Collected | NotCollected:
        """Run the loop once under a collector and leave its artifact in the folder."""
        folder = Path(request.folder)
        started = time.perf_counter()
        collector = importlib.import_module(COLLECTOR_MODULES[request.collector])
        if self._compiled and collector.META.eager_only:
            return NotCollected(
                reason="This variant is compiled: Python-level observation sees nothing inside compiled code.",
                remedy="Look at the eager variants, or at the operator trace.",
            )
        returned: Any = None

        def run() -> Any:
            nonlocal returned
            returned = self._run_once()
            return returned

        watched = WatchedRun(
            run=run,
            hot_modules=self._the_workload.hot_modules,
            source_roots=self._user_source,
            folder=folder,
            device=self._the_subject.device,
            dtype=self._the_subject.dtype,
            compiled=self._compiled,
            loop=request.loop,
            step=self._the_workload.step,
            lines=request.lines,
            options=request.options,
            simulation=self._simulation,
        )
        try:
            artifact = collector.collect(watched)
        except CannotCollectError as error:
            return NotCollected(reason=error.reason, remedy=error.remedy)
        if request.outputs_file is not None:
            self._require_rewrites_in_use()
            save_outputs(named_outputs(returned), Path(request.outputs_file))
        name = collector.META.artifact
        unfinished = folder / f".{name}.part"
        unfinished.write_bytes(msgspec.json.encode(artifact))
        unfinished.replace(folder / name)
        return Collected(artifact=name, seconds=time.perf_counter() - started)

    def _require_rewrites_in_use(self) -> None:
        if self._overlay.unused:
            raise FixError(f"the run never imported {', '.join(self._overlay.unused)}, so its rewrite did nothing")

    def _run_once(self) -> Any:
        """Run the loop once, seeded, with the fixes' contexts in force; synchronised on CUDA."""
        workload, subject = self._the_workload, self._the_subject
        for prepare in subject.before_run:
            prepare()
        torch.manual_seed((workload.settings or BuildOptions()).seed)
        with contextlib.ExitStack() as stack:
            for context in subject.around_run:
                stack.enter_context(context())
            with target_code("run"):
                returned = workload.run()
        if subject.device.type == "cuda" and not current.running:
            torch.cuda.synchronize(subject.device)
        return returned

    def _trial_call(self, hot_module: torch.nn.Module, submodule: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Run the loop until a submodule is called; return the arguments of that call, or None if it never is."""
        arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def stop(_module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            arguments.append((args, kwargs))
            raise RunStopped

        handle = hot_module.get_submodule(submodule).register_forward_pre_hook(stop, with_kwargs=True)
        try:
            self._run_once()
        except RunStopped:
            pass
        finally:
            handle.remove()
        return arguments[0] if arguments else None

    @property
    def _the_workload(self) -> Workload:
        if self._workload is None:
            raise RuntimeError("a worker was asked to run before it was asked to build")
        return self._workload

    @property
    def _the_subject(self) -> Subject:
        if self._subject is None:
            raise RuntimeError("a worker was asked to run before it was asked to build")
        return self._subject


def installed_modules(before: frozenset[str], home: Path) -> tuple[str, ...]:
    """Modules imported since then that are installed, not the user's own and not ours, in the order of their import.

    :param home: the target's folder: what lies in it may run as a rewritten copy, also where it is installed.
    """
    installed = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    own = () if str(home) in installed else (f"{home}{os.sep}",)
    files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
    return tuple(
        name
        for name, file in files.items()
        if name not in before
        and not name.startswith("sdprof")
        and file.startswith(installed)
        and not file.startswith(own)
    )


def _options(request: Build) -> dict[str, Any]:
    options: dict[str, Any] = dict(request.options)
    if options.get("device") == "auto":
        options["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    if options.get("device") == SIMULATED:
        options["device"] = "cuda"
    if options.get("weights") is not None:
        options["weights"] = Path(options["weights"])
    return options


def _describe(name: str, module: torch.nn.Module) -> HotModuleInfo:
    return HotModuleInfo(
        name=name,
        class_name=type(module).__qualname__,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weight_bytes=sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values()),
    )
