"""Join what both sources saw into one site for each of the user's lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from sdprof.collectors.graphs.break_reason import BreakReason
from sdprof.collectors.graphs.sightings import Break, Recompile
from sdprof.collectors.graphs.traceback_text import TextFrame
from sdprof.collectors.graphs.user_line import See, library_frame, location_of, short_path, user_frame
from sdprof.model import GraphSite, Location

MOST_REASONS = 4
"""Different reasons that one site lists."""
NOT_RESUMED = (
    "The rest of the function that was being compiled is left to Python: breaks further down in it do not show."
)


def join_breaks(explained: Sequence[Break], traced: Sequence[Break], see: See) -> tuple[GraphSite, ...]:
    """One site for each line of the user's (and line of a library below it), in the order in which they were seen.

    ``explain`` knows only the frames inside the compiled function. Both name the same innermost frame, so what it saw
    is put beside the trace's sighting of that frame.
    """
    stack_of = {_innermost(seen): seen.reason.frames for seen in reversed(traced)}
    groups: dict[tuple[object, ...], list[tuple[Break, tuple[TextFrame, ...]]]] = {}
    for seen in (*traced, *explained):
        frames = stack_of.get(_innermost(seen), seen.reason.frames)
        groups.setdefault(_place(frames, see), []).append((seen, frames))
    return tuple(_break_site(group, see) for group in groups.values())


def join_recompiles(recompiles: Iterable[Recompile], see: See) -> tuple[GraphSite, ...]:
    """One site for each line of the user's (and line of a library below it) whose guard failed."""
    groups: dict[tuple[object, ...], list[Recompile]] = {}
    for recompile in recompiles:
        groups.setdefault(_place(_guarded_frames(recompile, see), see), []).append(recompile)
    return tuple(_recompile_site(group, see) for group in groups.values())


def _break_site(group: list[tuple[Break, tuple[TextFrame, ...]]], see: See) -> GraphSite:
    reasons = [seen.reason for seen, _ in group]
    by_source: dict[str, int] = {}
    for seen, _ in group:
        by_source[seen.source] = by_source.get(seen.source, 0) + 1
    # The trace tells the same break at length.
    told = [seen.reason for seen, _ in group if seen.source == "structured trace"] or reasons
    where, inside = _told_place(_with_exact_end(group), see)
    hints = [*dict.fromkeys(reason.hint for reason in told if reason.hint)][:1]
    if not all(reason.resumed for reason in told):
        hints.append(NOT_RESUMED)
    return GraphSite(
        kind="break",
        where=where,
        reason=_listed(map(_sentence, told)) + inside,
        count=max(by_source.values()),
        seen_by=tuple(sorted(by_source)),
        hint=" ".join(hints),
    )


def _with_exact_end(group: list[tuple[Break, tuple[TextFrame, ...]]]) -> tuple[TextFrame, ...]:
    """The frames, the innermost as ``explain`` has it: it alone knows where the expression ends."""
    frames = group[0][1]
    for seen, _ in group:
        known = seen.reason.frames[-1:]
        if seen.source == "explain" and known and known[0].start is not None and _same_line(known, frames[-1:]):
            return (*frames[:-1], known[0])
    return frames


def _same_line(one: tuple[TextFrame, ...], other: tuple[TextFrame, ...]) -> bool:
    return [(frame.file, frame.line) for frame in one] == [(frame.file, frame.line) for frame in other]


def _recompile_site(group: list[Recompile], see: See) -> GraphSite:
    where, inside = _told_place(_guarded_frames(group[0], see), see)
    guards = (seen.failure.guard + (" (recompile limit reached)" if seen.refused else "") for seen in group)
    return GraphSite(
        kind="recompile",
        where=where,
        reason=_listed(guards) + inside,
        count=len(group),
        seen_by=("structured trace",),
    )


def _sentence(reason: BreakReason) -> str:
    more = reason.explanation or reason.context
    return f"{reason.kind.rstrip('.')}: {more}" if more else reason.kind


def _innermost(seen: Break) -> tuple[str, int] | None:
    frames = seen.reason.frames
    return (frames[-1].file, frames[-1].line) if frames else None


def _place(frames: tuple[TextFrame, ...], see: See) -> tuple[object, ...]:
    frame, inside = user_frame(frames, see), library_frame(frames, see)
    return tuple((part.file, part.line) if part is not None else None for part in (frame, inside))


def _told_place(frames: tuple[TextFrame, ...], see: See) -> tuple[Location, str]:
    """(the user's line, where in a library that leads, to be put behind the reason)."""
    frame, inside = user_frame(frames, see), library_frame(frames, see)
    where = Location(file="", line=0) if frame is None else location_of(frame)
    if inside is None or inside == frame:
        return where, ""
    return where, f" [in {short_path(inside.file)}:{inside.line} {inside.function}]"


def _guarded_frames(recompile: Recompile, see: See) -> tuple[TextFrame, ...]:
    """The frames down to the line that uses the guarded value, or to the first line of the function."""
    failure, function = recompile.failure, recompile.function
    if any(see(frame.file) for frame in failure.frames):
        return (*function[:-1], *failure.frames)
    if failure.line and function and PurePath(function[-1].file).name == failure.file_name:
        return (*function[:-1], TextFrame(function[-1].file, failure.line, failure.function))
    return function


def _listed(reasons: Iterable[str]) -> str:
    distinct = [*dict.fromkeys(reasons)]
    shown = "; ".join(distinct[:MOST_REASONS])
    return shown if len(distinct) <= MOST_REASONS else f"{shown}; and {len(distinct) - MOST_REASONS} more"
