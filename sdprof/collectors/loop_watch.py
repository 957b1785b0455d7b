"""While a run is watched: which step is it in, and which of the user's expressions is running?"""

from __future__ import annotations

import inspect
import itertools
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

from sdprof.collectors import loop as loop_collector
from sdprof.collectors.expression import locate
from sdprof.collectors.frame_values import seen_values
from sdprof.collectors.hot_calls import STACK_BASE, on_each_call, run_from_here
from sdprof.collectors.loop_body import LoopBody, find_loop_body
from sdprof.collectors.loop_place import Place, place_of
from sdprof.collectors.visibility import FileVisibility, Visibility
from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import FunctionSite, Location, LoopMap, Scope, SeenFrame

FRAMES_WITH_VALUES = 8
"""How many of the innermost frames of an event are looked into: where a value comes from is seldom farther away."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the stack shows at one moment of a run."""

    where: Location | None
    """Innermost expression in the user's own source; None where none is running."""
    library: tuple[Location, ...]
    """Expressions in libraries between there and here, innermost first. Torch and the standard library are hidden."""
    callers: tuple[Location, ...]
    """The user's expressions around ``where``, innermost first."""
    step: int | None
    """Step from 0, counted by iterations: what runs before the hot module is called belongs to the coming call. None
    outside of the loop."""
    begun: bool = False
    """The hot module was called before."""

    @property
    def in_loop(self) -> bool:
        """Whether the loop is executing what runs once a step."""
        return self.step is not None

    @property
    def scope(self) -> Scope:
        """In the loop, before its first step, or outside of it later on."""
        return "in_loop" if self.in_loop else "results" if self.begun else "setup"


@dataclass(frozen=True, slots=True)
class _Trail:
    """What can be told from the instructions on a stack alone, and so be remembered."""

    where: Location | None
    library: tuple[Location, ...]
    callers: tuple[Location, ...]
    loop_depth: int | None
    """Index of the innermost frame that takes part in looping, from the outermost."""
    place: Place
    on_call_line: bool
    codes: tuple[CodeType, ...]
    """Held so that no other code gets the address that the trail is remembered by."""


@dataclass(frozen=True, slots=True)
class LoopFunction:
    """A function that takes part in looping: the loop's own, or, of a generator, the one that asks it for items."""

    site: FunctionSite
    body: LoopBody | None
    skip: int
    """How many frames of the same function lie around it."""


class LoopWatch:
    """Watches where a run is, for other collectors: enter it, call ``run``, and ``look`` whenever something happens.

    ``look`` costs some ten microseconds: a walk up the stack; what it resolves to is remembered by instruction.
    Frame objects of the last call of the hot module are held until the next; leaving the watch releases them.

    A loop that is a generator goes on in the function that iterates over it. Where there is no loop statement
    (recursion, ``map``, steps written out) what runs from the first call to the last counts as in the loop; and where
    no call repeats, the whole run is one step.

    :raises CannotCollectError: never by itself; the loop is looked for by one more run if it is not known yet.
    """

    def __init__(self, watched: WatchedRun) -> None:
        self.loop: LoopMap = watched.loop or loop_collector.collect(watched)
        self.steps_begun = 0
        """Steps in which the hot module was called so far."""
        self.astray = False
        """The hot module was called from elsewhere than the loop that was given: what was seen is nowhere in a step."""
        self._watched = watched
        self._visibility = FileVisibility(watched.is_user_file)
        self._trails: dict[tuple[int, ...], _Trail] = {}
        self._locations: dict[tuple[int, int], Location] = {}
        self._around = _loop_functions(self.loop)
        self.looping: tuple[LoopFunction, ...] = tuple(self._around[:1])
        """The functions that take part in looping, innermost first, as far as the calls so far have shown."""
        self._step_code = (
            loop_collector.code_of(watched.step)
            if watched.step is not None and self.loop.steps_from == "declared step function"
            else None
        )
        self._call_path: list[FrameType] = []
        self._call_instructions: list[int] = []
        self._on_step: list[Callable[[int], None]] = []
        self._hook: Any = None

    def __enter__(self) -> Self:
        module = next(iter(self._watched.hot_modules.values()))
        self._hook = on_each_call(module, self._hear_call)
        self._hook.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hook.__exit__(kind, error, trace)
        self._hook = None
        self._call_path = []
        self._call_instructions = []

    @property
    def steps(self) -> int:
        """Steps of the run that was watched; 1 where no call repeats."""
        return max(self.steps_begun, 1) if self.loop.loop is not None else 1

    def on_step(self, begun: Callable[[int], None]) -> None:
        """Have ``begun(step)`` called when the hot module is called for the first time in a step."""
        self._on_step.append(begun)

    def run(self) -> Any:
        """Run the watched loop once."""
        return run_from_here(self._watched.run)

    def look(self) -> Sight:
        """What the caller's stack shows now."""
        path = self._path(sys._getframe(1))
        trail = self._trail(path)
        return Sight(trail.where, trail.library, trail.callers, self._step(path, trail), self.steps_begun > 0)

    def stack(self) -> tuple[SeenFrame, ...]:
        """What the caller's stack shows, with the values in its innermost frames: for the first visit of an event."""
        path = self._path(sys._getframe(1))[::-1]
        return tuple(
            SeenFrame(
                where=self._locate(frame.f_code, frame.f_lasti),
                library=self._visibility(frame.f_code.co_filename) is not Visibility.USER,
                values=seen_values(frame) if depth < FRAMES_WITH_VALUES else {},
            )
            for depth, frame in enumerate(path)
        )

    def _path(self, innermost: FrameType | None) -> list[FrameType]:
        """Visible frames from the outermost in."""
        visibility = self._visibility
        frames: list[FrameType] = []
        frame = innermost
        while frame is not None:
            code = frame.f_code
            if visibility(code.co_filename):
                frames.append(frame)
            elif code is STACK_BASE:
                break
            frame = frame.f_back
        frames.reverse()
        return frames

    def _trail(self, path: list[FrameType]) -> _Trail:
        key = tuple([number for frame in path for number in (id(frame.f_code), frame.f_lasti)])
        trail = self._trails.get(key)
        if trail is None:
            trail = self._trails[key] = self._resolve([(frame.f_code, frame.f_lasti, frame.f_lineno) for frame in path])
        return trail

    def _resolve(self, path: list[tuple[CodeType, int, int]]) -> _Trail:
        user = [
            depth for depth, (code, _, _) in enumerate(path) if self._visibility(code.co_filename) is Visibility.USER
        ]
        locations = [self._locate(code, instruction) for code, instruction, _ in path]
        innermost_user = user[-1] if user else -1
        loop_depth, function = self._innermost_loop_function([code for code, _, _ in path])
        place, on_call_line = Place.BESIDE, False
        if loop_depth is not None and function is not None:
            code, instruction, line = path[loop_depth]
            place = place_of(code, instruction, function.body, function.site.call_line)
            on_call_line = line == function.site.call_line and loop_depth + 1 < len(path)
        return _Trail(
            where=locations[innermost_user] if user else None,
            library=tuple(reversed(locations[innermost_user + 1 :])),
            callers=tuple(locations[depth] for depth in reversed(user[:-1])),
            loop_depth=loop_depth,
            place=place,
            on_call_line=on_call_line,
            codes=tuple(code for code, _, _ in path),
        )

    def _locate(self, code: CodeType, instruction: int) -> Location:
        key = (id(code), instruction)
        location = self._locations.get(key)
        if location is None:
            location = self._locations[key] = locate(code, instruction)
        return location

    def _innermost_loop_function(self, codes: list[CodeType]) -> tuple[int | None, LoopFunction | None]:
        for function in self.looping:
            depths = [depth for depth, code in enumerate(codes) if _is_site(code, function.site)]
            if len(depths) > function.skip:
                return depths[function.skip], function
        return None, None

    def _functions_that_loop(self, path: list[FrameType]) -> tuple[LoopFunction, ...]:
        """The loop's function and, as long as they are generators, those that ask them for items."""
        flags = {
            function: frame.f_code.co_flags
            for frame in path
            for function in self._around
            if _is_site(frame.f_code, function.site)
        }
        generators = itertools.takewhile(lambda function: flags.get(function, 0) & inspect.CO_GENERATOR, self._around)
        return tuple(self._around[: len(list(generators)) + 1])

    def _hear_call(self) -> None:
        path = self._path(sys._getframe(1))
        if self.steps_begun == 0:
            self.looping = self._functions_that_loop(path)
        depth, _ = self._innermost_loop_function([frame.f_code for frame in path])
        self.astray = self.astray or (self.loop.loop is not None and depth is None)
        if self._step_code is not None:
            path = _down_to(path, self._step_code)
            if path and self._call_path and path[-1] is self._call_path[-1]:
                return  # another call in the same step
        self._call_path = path
        self._call_instructions = [frame.f_lasti for frame in path]
        self.steps_begun += 1
        for begun in self._on_step:
            begun(self.steps_begun - 1)

    def _step(self, path: list[FrameType], trail: _Trail) -> int | None:
        if self.loop.loop is None:
            return 0
        if trail.loop_depth is None or trail.place is Place.BESIDE:
            return None
        shared = 0
        for frame, before in zip(path, self._call_path, strict=False):
            if frame is not before:
                break
            shared += 1
        called_already = shared > trail.loop_depth
        if trail.place is Place.REPEATED_HEAD and not called_already:
            return None
        if trail.place is Place.UNKNOWN and not self._within_calls(path, trail, called_already):
            return None
        coming = not called_already or self._came_round(path, shared)
        step = self.steps_begun - (0 if coming else 1)
        return min(step, max(self.loop.steps, self.steps_begun) - 1)

    def _within_calls(self, path: list[FrameType], trail: _Trail, called_already: bool) -> bool:
        """Without a loop statement: between the first call and the last, or still in the instruction of the last."""
        depth = trail.loop_depth
        if not called_already or depth is None:
            return trail.on_call_line
        return self.steps_begun < self.loop.steps or path[depth].f_lasti == self._call_instructions[depth]

    def _came_round(self, path: list[FrameType], shared: int) -> bool:
        """Whether the loop has gone on to its next iteration since the last call of the hot module.

        At the deepest frame that the stack has in common with that of the last call, an earlier instruction means a
        new iteration, and so does the same instruction with another callee.
        """
        if self._step_code is not None and shared == len(self._call_path):
            return False  # the same step is still running
        now, then = path[shared - 1].f_lasti, self._call_instructions[shared - 1]
        if now != then:
            return now < then
        return shared < len(self._call_path) and shared < len(path)


def _loop_functions(loop: LoopMap) -> list[LoopFunction]:
    """The loop's function and, for the case that it is a generator, those around it, innermost first."""
    if loop.loop is None:
        return []
    sites = [*loop.outer, loop.loop]
    return [
        LoopFunction(
            site,
            find_loop_body("".join(linecache.getlines(site.file)), site.call_line, site.qualname, site.loop_line),
            sum(_same(site, other) for other in sites[:depth]),
        )
        for depth, site in reversed(list(enumerate(sites)))
    ]


def _down_to(path: list[FrameType], code: CodeType) -> list[FrameType]:
    """The path up to and including the outermost frame of ``code``."""
    depth = next((depth for depth, frame in enumerate(path) if frame.f_code is code), len(path) - 1)
    return path[: depth + 1]


def _is_site(code: CodeType, site: FunctionSite) -> bool:
    return (
        code.co_firstlineno == site.first_line and code.co_qualname == site.qualname and code.co_filename == site.file
    )


def _same(site: FunctionSite, other: FunctionSite) -> bool:
    return (site.file, site.qualname, site.first_line) == (other.file, other.qualname, other.first_line)
