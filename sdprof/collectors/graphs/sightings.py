"""What one pass of TorchDynamo over a region left: graphs, breaks and recompilations, as each source tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from sdprof.collectors.graphs.break_reason import BreakReason, parse_break
from sdprof.collectors.graphs.recompile_reason import GuardFailure, parse_recompile
from sdprof.collectors.graphs.trace_log import TraceRecord
from sdprof.collectors.graphs.traceback_text import TextFrame, original_name

Source = Literal["explain", "structured trace"]


class Break(msgspec.Struct, frozen=True):
    """TorchDynamo left the graph once."""

    source: Source
    reason: BreakReason


class Recompile(msgspec.Struct, frozen=True, kw_only=True):
    """A function was compiled once more."""

    failure: GuardFailure
    function: tuple[TextFrame, ...] = ()
    """Frames down to the first line of the function that was compiled."""
    refused: bool = False
    """True where the recompile limit was reached: the function runs in Python from then on."""


class Sightings(msgspec.Struct, frozen=True, kw_only=True):
    """The structured trace of one pass."""

    frames: int
    """Functions (and rests of functions) that TorchDynamo tried to compile, each time anew."""
    graphs: int
    breaks: tuple[Break, ...]
    recompiles: tuple[Recompile, ...]


def sightings_in(records: Iterable[TraceRecord], interned: Mapping[int, str] = MappingProxyType({})) -> Sightings:
    """Gather what the records of one pass tell.

    :param interned: file names by number that were logged before the pass; each is logged once in a process.
    """
    strings = dict(interned)
    functions: dict[tuple[int, int], tuple[TextFrame, ...]] = {}
    failures: list[tuple[TraceRecord, GuardFailure]] = []
    breaks: list[Break] = []
    frames = graphs = 0
    for record in records:
        metadata, compile_id = record.metadata, record.compile_id
        if record.artifact == "dynamo_graph_break_reason":
            breaks.append(Break("structured trace", parse_break(record.payload)))
        elif record.artifact == "recompile_reasons":
            failures.append((record, parse_recompile(record.payload)))
        elif "dynamo_output_graph" in metadata:
            graphs += 1
        elif "dynamo_start" in metadata:
            frames += 1
            if compile_id is not None:
                functions[compile_id] = _started(metadata["dynamo_start"], strings)
        elif "str" in metadata:
            _intern(metadata["str"], strings)
    return Sightings(
        frames=frames,
        graphs=graphs,
        breaks=tuple(breaks),
        recompiles=tuple(_recompile(record, failure, functions) for record, failure in failures),
    )


def _recompile(
    record: TraceRecord, failure: GuardFailure, functions: dict[tuple[int, int], tuple[TextFrame, ...]]
) -> Recompile:
    # A function keeps its number; where the compilation that the guard asked for never started, the limit forbade it.
    compile_id = record.compile_id
    frame = -1 if compile_id is None else compile_id[0]
    stack = next((functions[started] for started in functions if started[0] == frame), ())
    return Recompile(
        failure=failure,
        function=(*record.callers, *stack[-1:]) if record.callers else stack,
        refused=compile_id is not None and compile_id not in functions,
    )


def _intern(entry: Any, strings: dict[int, str]) -> None:
    match entry:
        case [str(text), int(number)]:
            strings[number] = text


def _started(start: Any, strings: dict[int, str]) -> tuple[TextFrame, ...]:
    frames = []
    for frame in start.get("stack", []) if isinstance(start, dict) else []:
        match frame:
            case {"line": int(line), "name": str(name), "filename": int(number)} if number in strings:
                frames.append(TextFrame(strings[number], line, original_name(name)))
    return tuple(frames)
