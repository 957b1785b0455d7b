"""Time the lines of the functions that the loop goes through, with line_profiler."""

from __future__ import annotations

import ast
import linecache
import os
import textwrap
import time
from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType, TracebackType
from typing import Any, Self

from line_profiler import LineProfiler

from sdprof.collectors import loop as loop_collector
from sdprof.collectors.find_functions import (
    FunctionNotFoundError,
    functions_at,
    functions_named,
    live_functions,
    maker_of,
    python_function,
    replace_inner,
    stand_in,
)
from sdprof.collectors.hot_calls import run_from_here
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, FunctionLines, FunctionSite, LineProfile, LineTime

META = CollectorMeta(id="lines", title="Time by line", artifact="lines.json", eager_only=True)


def collect(watched: WatchedRun) -> LineProfile:
    """Run once with line_profiler on the functions that the user named, or on those that the loop goes through.

    On CUDA a kernel's time belongs to its line only if every launch blocks. That cannot be switched on once CUDA runs,
    so the profile says whether ``CUDA_LAUNCH_BLOCKING=1`` was set from the start.
    """
    with _Profiled() as profiled:
        skipped = _add_named(watched, profiled) if watched.lines else _add_found(watched, profiled)
        if not profiled.codes:
            raise CannotCollectError(
                " ".join(["There is no Python function whose lines could be timed.", *skipped]),
                "Name functions with --lines module:qualified.name.",
            )
        started = time.perf_counter()
        with profiled.profiler:
            run_from_here(watched.run)
        run_seconds = time.perf_counter() - started
        functions = tuple(_function_lines(profiled))
    if not functions:
        raise CannotCollectError(
            f"None of {len(profiled.codes)} functions ran where line_profiler sees them: the loop never calls them, or "
            "runs in another thread.",
            "Run the loop in the thread that calls Workload.run, or name other functions with --lines.",
        )
    return LineProfile(
        functions=functions,
        run_seconds=run_seconds,
        synchronised=watched.device.type != "cuda" or os.environ.get("CUDA_LAUNCH_BLOCKING") == "1",
        skipped=tuple(skipped),
    )


class _Profiled:
    """A line profiler and the functions that it was given; they get their own code back in the end.

    line_profiler pads the bytecode of what it profiles, to tell it from other functions of the same bytecode.
    """

    def __init__(self) -> None:
        self.profiler: Any = LineProfiler()
        self.codes: list[CodeType] = []
        self._originals: list[tuple[FunctionType, CodeType]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for function, code in reversed(self._originals):
            function.__code__ = code

    def add(self, function: FunctionType) -> None:
        """Profile a function."""
        if function.__code__ in self.codes:
            return
        self._originals.append((function, function.__code__))
        # A function that carries the mark of a decorator (`__wrapped__`) would be warned about.
        self.codes.append(self._padded(function) if not hasattr(function, "__wrapped__") else self._in_place(function))

    def add_inner(self, maker: FunctionType, code: CodeType) -> None:
        """Profile code that ``maker`` makes a function of whenever it runs."""
        self._originals.append((maker, maker.__code__))
        padded = self._padded(stand_in(code))
        maker.__code__ = replace_inner(maker.__code__, code, padded)
        self.codes.append(padded)

    def _padded(self, function: FunctionType) -> CodeType:
        self.profiler.add_function(function)
        return function.__code__

    def _in_place(self, function: FunctionType) -> CodeType:
        function.__code__ = self._padded(stand_in(function.__code__))
        return function.__code__


def _add_named(watched: WatchedRun, profiled: _Profiled) -> list[str]:
    skipped = []
    live = live_functions()
    for name in watched.lines:
        try:
            for function in functions_named(name, live, watched.is_user_file):
                profiled.add(function)
        except FunctionNotFoundError as error:
            skipped.append(str(error))
    return skipped


def _add_found(watched: WatchedRun, profiled: _Profiled) -> list[str]:
    """The loop, what it calls on the way to the hot module, and the user's own modules below that."""
    loop = watched.loop or loop_collector.collect(watched)
    sites = [*([] if loop.loop is None else [loop.loop]), *loop.chain]
    inner: list[FunctionSite] = []
    live = live_functions()
    for site in dict.fromkeys(sites):
        functions = functions_at(site, live)
        for function in functions:
            profiled.add(function)
        if not functions:
            inner.append(site)
    for module in {type(module): module for hot in watched.hot_modules.values() for module in hot.modules()}.values():
        forward = python_function(module.forward)
        if forward is not None and watched.is_user_file(forward.__code__.co_filename):
            profiled.add(forward)
    return [sentence for site in inner for sentence in _add_inner(site, live, profiled)]


def _add_inner(site: FunctionSite, live: list[FunctionType], profiled: _Profiled) -> Iterator[str]:
    found = maker_of(site, live)
    if found is None:
        yield f"{site.qualname} ({site.file}:{site.first_line}) is made anew by each run, outside of any function."
    else:
        profiled.add_inner(*found)


def _function_lines(profiled: _Profiled) -> Iterator[FunctionLines]:
    """One profile a function that ran, the longest first; copies of a closure are one function."""
    statistics = profiled.profiler.get_stats()
    found = []
    for (file, first_line, qualname), timings in statistics.timings.items():
        if not timings:
            continue
        lines = tuple(
            LineTime(
                line=line,
                hits=hits,
                seconds=ticks * statistics.unit,
                code=linecache.getline(file, line).rstrip("\n"),
            )
            for line, hits, ticks in sorted(timings)
        )
        found.append(
            FunctionLines(
                file=file,
                qualname=qualname,
                first_line=first_line,
                calls=calls_of(lines, linecache.getlines(file), first_line),
                seconds=sum(line.seconds for line in lines),
                lines=lines,
            )
        )
    yield from sorted(found, key=lambda function: -function.seconds)


def calls_of(lines: Sequence[LineTime], source: Sequence[str], first_line: int) -> int:
    """How often a function was called, from the hits of its first statement.

    A ``for`` is hit once a round and once more at its end, so where one comes first, the rounds are taken off (a
    ``break`` leaves without that last hit: then at least one call is told).
    """
    hits = {line.line: line.hits for line in lines}
    first_hit = min(hits)
    try:
        tree = ast.parse(textwrap.dedent("".join(source)))
    except (SyntaxError, ValueError):
        return hits[first_hit]
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While) and node.lineno == first_hit >= first_line:
            rounds = hits.get(node.body[0].lineno, 0)
            return max(1, hits[first_hit] - rounds)
    return hits[first_hit]
