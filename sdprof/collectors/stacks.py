"""Sample the stack while the loop runs, with py-spy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import sdprof
from sdprof.collectors import hot_calls
from sdprof.collectors.loop_watch import LoopFunction, LoopWatch
from sdprof.collectors.py_spy import PySpy, find_py_spy
from sdprof.collectors.settings import whole_number
from sdprof.collectors.speedscope import (
    Stack,
    StackFrame,
    collapse,
    collapsed_text,
    cut,
    read_samples,
    write_samples,
)
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, StackSamples

META = CollectorMeta(id="stacks", title="Stack samples", artifact="stacks.json")

SPEEDSCOPE = "stacks.speedscope.json"
COLLAPSED = "stacks.collapsed.txt"

RATE_HZ = 200
HIGHEST_RATE_HZ = 1000
ENOUGH_SECONDS = 1.0
"""A shorter loop is run again until this much of it was sampled …"""
MOST_RUNS = 100
LONGEST_SECONDS = 60
"""… or one of these is reached. py-spy stops by itself after as long."""

COLLECTORS = str(Path(__file__).parent)
SDPROF = str(Path(sdprof.__file__).parent)
WRAPPERS = (torch.nn.modules.module.__file__, torch.utils._contextlib.__file__)
"""Frames of these lie around every module and every decorated function, and say nothing."""


def collect(watched: WatchedRun) -> StackSamples:
    """Run under py-spy, from the first call of the hot module on; again if that took less than a second.

    All states of the loop's thread are sampled, waiting included, so that samples are shares of wall-clock time. What
    ran outside of the loop (set-up of the second run, decoding) is left out, and so are the frames of
    ``Module.__call__``, of ``torch.no_grad`` as a decorator, and of sdprof.

    :raises CannotCollectError: if py-spy is missing, refused or hangs.
    """
    rate_hz = whole_number(watched, "stacks.rate_hz", RATE_HZ, HIGHEST_RATE_HZ)
    program = find_py_spy()
    watch = LoopWatch(watched)
    with tempfile.TemporaryDirectory(prefix="sdprof-stacks-") as folder:
        recorded = Path(folder, "recorded.json")
        spy = PySpy(program, recorded, rate_hz, LONGEST_SECONDS)
        try:
            _run_under(spy, watch)
            spy.stop()
        finally:
            spy.close()
        try:
            threads = read_samples(recorded)
        except ValueError as error:
            raise CannotCollectError(
                f"py-spy left no readable profile: {error}", "Update it: pip install -U py-spy"
            ) from None

    def is_noise(frame: StackFrame) -> bool:
        inside_sdprof = frame.file.startswith(SDPROF) and not watched.is_user_file(frame.file)
        return inside_sdprof or frame.file in WRAPPERS

    parts = (_in_loop(sample, watch.looping, is_noise) for thread in threads for sample in thread)
    samples = [part for part in parts if part]
    if not samples:
        raise CannotCollectError(
            "py-spy took no sample inside the loop: it is over too soon, or runs in another thread.",
            "Run more steps, in the thread that calls Workload.run, or raise stacks.rate_hz.",
        )
    stacks = collapse(samples)
    write_samples(watched.folder / SPEEDSCOPE, "Sampling loop", samples, 1 / rate_hz)
    (watched.folder / COLLAPSED).write_text(collapsed_text(stacks), encoding="utf-8")
    return StackSamples(
        rate_hz=rate_hz,
        samples=len(samples),
        stacks=tuple((tuple(map(str, stack)), count) for stack, count in stacks),
        speedscope=SPEEDSCOPE,
        collapsed=COLLAPSED,
    )


def _run_under(spy: PySpy, watch: LoopWatch) -> None:
    """Attach at the first call of the hot module, and run until enough was seen."""
    attached_at: list[float] = []

    def attach(_step: int) -> None:
        if not attached_at:
            spy.attach()
            attached_at.append(time.monotonic())

    watch.on_step(attach)
    sampled_seconds = 0.0
    with watch:
        for _ in range(MOST_RUNS):
            began = time.monotonic()
            watch.run()
            if not attached_at:
                raise CannotCollectError("The hot module was not called, so that there was nothing to sample.")
            sampled_seconds += time.monotonic() - max(began, attached_at[0])
            if sampled_seconds >= ENOUGH_SECONDS or time.monotonic() - attached_at[0] > LONGEST_SECONDS / 2:
                return


def _in_loop(sample: Stack, looping: tuple[LoopFunction, ...], is_noise: Callable[[StackFrame], bool]) -> Stack | None:
    """The part of a sample that is the user's run, if it is in the loop and not in a collector."""
    part = cut(sample, _is_base)
    if part is None or any(frame.file.startswith(COLLECTORS) for frame in part):
        return None
    part = tuple(frame for frame in part if not is_noise(frame))
    if looping and not any(_is_within(function)(frame) for function in looping for frame in part):
        return None
    return part


def _is_within(function: LoopFunction) -> Callable[[StackFrame], bool]:
    lines = None if function.body is None else range(function.body.whole.line, function.body.whole.end_line + 1)
    return lambda frame: (
        frame.file == function.site.file
        and frame.name == function.site.qualname
        and (lines is None or frame.line in lines)
    )


def _is_base(frame: StackFrame) -> bool:
    return frame.name == hot_calls.STACK_BASE.co_qualname and frame.file == hot_calls.STACK_BASE.co_filename
