"""Find the sampling loop: the deepest frame that all calls of the first hot module share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import msgspec
import torch

from sdprof.collectors.call_stacks import SeenFrame, Stack, StackRecorder, loop_depth, statement_of_steps, usual_line
from sdprof.collectors.hot_calls import on_each_call, run_from_here
from sdprof.collectors.visibility import FileVisibility, Visibility
from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import CollectorMeta, FunctionSite, LoopMap

META = CollectorMeta(id="loop", title="The sampling loop", artifact="loop.json")


def collect(watched: WatchedRun) -> LoopMap:
    """Run once and map the way from the target's ``run`` to the first hot module."""
    name, module = next(iter(watched.hot_modules.items()))
    visibility = FileVisibility(watched.is_user_file)
    recorder = StackRecorder(visibility)
    try:
        with on_each_call(module, recorder.record):
            run_from_here(watched.run)
    finally:
        recorder.release()
    step_code = None if watched.step is None else code_of(watched.step)
    return map_loop(name, recorder.stacks, step_code, _forward_site(module, visibility), visibility)


def map_loop(
    hot_module: str,
    stacks: Sequence[Stack],
    step_code: CodeType | None,
    forward: FunctionSite | None,
    visibility: FileVisibility,
) -> LoopMap:
    """The loop map of a run that called the hot module from ``stacks``.

    :param step_code: code of the step function that the target declared; it makes the steps if every call of the hot
        module was made under it.
    :param forward: the hot module's own forward, the end of the chain.
    """
    step_callers = None if step_code is None else _step_callers(stacks, step_code)
    repeats = stacks if step_callers is None else step_callers
    depth = loop_depth(repeats)

    def site(frame: SeenFrame) -> FunctionSite:
        return _site(frame.code, frame.module, frame.line, visibility)

    def looping(frames: Sequence[SeenFrame]) -> FunctionSite:
        line = usual_line(frames)
        statement = statement_of_steps(frames, line)
        return msgspec.structs.replace(site(frames[-1]), call_line=line, loop_line=statement)

    last: Stack = stacks[-1] if stacks else ()
    below = 0 if depth is None else depth + 1
    return LoopMap(
        hot_module=hot_module,
        calls=len(stacks),
        steps=1 if depth is None else len(repeats),
        loop=None if depth is None else looping([stack[depth] for stack in repeats]),
        chain=(*(site(frame) for frame in last[below:]), *([] if forward is None else [forward])),
        outer=() if depth is None else tuple(site(frame) for frame in last[:depth]),
        steps_from=(
            "whole run"
            if depth is None
            else "calls of the hot module"
            if step_callers is None
            else "declared step function"
        ),
    )


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code that runs when a function, method, module or callable object is called, under its decorators.

    None where it is not Python code.
    """
    if isinstance(function, torch.nn.Module):
        function = function.forward
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _step_callers(stacks: Sequence[Stack], step_code: CodeType) -> list[Stack] | None:
    """The stack of each call of the step function; None where the hot module was also called outside of it."""
    callers: dict[int, Stack] = {}
    for stack in stacks:
        depth = next((depth for depth, frame in enumerate(stack) if frame.code is step_code), None)
        if depth is None:
            return None
        callers[stack[depth].activation] = stack[:depth]
    return list(callers.values())


def _forward_site(module: torch.nn.Module, visibility: FileVisibility) -> FunctionSite | None:
    code = code_of(module)
    if code is None or visibility(code.co_filename) is Visibility.HIDDEN:
        return None
    unwrapped = inspect.unwrap(module.forward)
    return _site(code, getattr(unwrapped, "__module__", ""), code.co_firstlineno, visibility)


def _site(code: CodeType, module: str, line: int, visibility: FileVisibility) -> FunctionSite:
    return FunctionSite(
        file=code.co_filename,
        module=module,
        qualname=code.co_qualname,
        first_line=code.co_firstlineno,
        call_line=line,
        user=visibility(code.co_filename) is Visibility.USER,
    )
