"""Record a trace with torch.profiler, with a ``ProfilerStep#…`` for each step, where TensorBoard finds it."""

from __future__ import annotations

import gzip
import mmap
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from sdprof.collectors.hot_calls import on_each_call
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.nested_steps import write_nested
from sdprof.collectors.settings import whole_number
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, TraceFile

META = CollectorMeta(id="torch_trace", title="Operator trace", artifact="trace.json")

FILE = "sampling_loop.pt.trace.json.gz"
"""The profiler plugin of TensorBoard lists files of the pattern ``<worker>.pt.trace.json.gz``."""

STEPS_WITH_STACKS = 8
"""A step of Stable Diffusion's UNet takes 7 MB of trace with Python stacks …"""
STEPS_WITHOUT_STACKS = 16
"""… and 1.5 MB without."""

COMPRESSION_LEVEL = 4
"""As small as level 9 within 10%, in a third of the time."""


def collect(watched: WatchedRun) -> TraceFile:
    """Record one run, or, of a long one, some steps of it from the second on.

    ``torch_trace.steps`` limits the number of steps. Compiled variants are recorded without shapes and stacks: on
    compiled passes stacks can hang (pytorch#136404).
    """
    detailed = not watched.compiled
    limit = whole_number(watched, "torch_trace.steps", STEPS_WITH_STACKS if detailed else STEPS_WITHOUT_STACKS)
    watch = LoopWatch(watched)
    recording = _Recording(_profiler(watched.device, detailed), watch.loop.steps, watch.loop.calls, limit)
    watch.on_step(recording.begin_step)
    module = next(iter(watched.hot_modules.values()))
    with recording, on_each_call(module, _nothing, recording.end_call), watch:
        watch.run()
    if not recording.recorded:
        raise CannotCollectError(
            "The hot module was called less often than when the loop was looked for, so that no step was recorded.",
            "Make the loop run the same number of steps every time.",
        )
    file = watched.folder / FILE
    steps = _export(recording.profiler, file)
    if steps < recording.steps:
        file.unlink()
        raise CannotCollectError(
            f"Of {recording.steps} steps torch.profiler recorded {steps}: the loop runs in another thread.",
            "Run the loop in the thread that calls Workload.run.",
        )
    return TraceFile(
        file=FILE,
        bytes=file.stat().st_size,
        steps=steps,
        first_step=recording.first_step,
        whole_run=recording.whole_run,
        with_shapes=detailed,
        with_memory=True,
        with_stacks=detailed,
        with_cuda=watched.device.type == "cuda",
    )


class _Recording:
    """Starts and stops the profiler, and annotates the steps.

    The annotations are made here because those of ``profile.step`` count the set-up as step 0 and let the last step
    run to the end of the program.
    """

    def __init__(self, profiler: Any, steps: int, calls: int, limit: int) -> None:
        self.profiler = profiler
        self.whole_run = steps <= limit
        self.first_step = 0 if self.whole_run else 1
        self.steps = 0
        self.recorded = False
        self._end = self.first_step + limit
        self._calls_left = calls
        self._running = False
        self._step: Any = None

    def __enter__(self) -> None:
        if self.whole_run:
            self._start()

    def __exit__(self, *_error: object) -> None:
        self._end_step()
        self._stop()

    def begin_step(self, step: int) -> None:
        """Called when the hot module is called for the first time in a step."""
        self._end_step()
        if step == self._end:
            self._stop()
        elif step == self.first_step and not self._running:
            self._start()
        if self._running:
            self._step = record_function(f"ProfilerStep#{step}")
            self._step.__enter__()
            self.steps += 1

    def end_call(self) -> None:
        """Called when the hot module returns: what follows its last call is not known to belong to the loop."""
        self._calls_left -= 1
        if self._calls_left == 0:
            self._end_step()

    def _start(self) -> None:
        self.profiler.start()
        self._running = self.recorded = True

    def _stop(self) -> None:
        if self._running:
            self._running = False
            self.profiler.stop()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None


def _profiler(device: torch.device, detailed: bool) -> Any:
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    return profile(
        activities=activities,
        record_shapes=detailed,
        profile_memory=True,
        with_stack=detailed,
        with_modules=detailed,
    )


def _export(profiler: Any, file: Path) -> int:
    """Write the trace; it appears whole or not at all. Returns the number of steps in it."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".trace-") as folder:
        plain, packed = Path(folder, "trace.json"), Path(folder, "trace.json.gz")
        profiler.export_chrome_trace(str(plain))
        with (
            plain.open("rb") as source,
            mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as trace,
            gzip.open(packed, "wb", compresslevel=COMPRESSION_LEVEL) as target,
        ):
            steps = write_nested(trace, target.write)
        packed.replace(file)
    return steps


def _nothing() -> None: ...
