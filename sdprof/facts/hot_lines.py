"""The source lines that a run spends its time in."""

from __future__ import annotations

from sdprof.model import HotLine, LineProfile, Location

SMALLEST_SHARE = 0.001


def hot_lines(profile: LineProfile, most: int = 200) -> tuple[HotLine, ...]:
    """The costliest lines first.

    A line's seconds include what it calls, so a caller's line contains its callee's: the shares do not add up to one.
    """
    found = [
        HotLine(
            where=Location(file=function.file, line=line.line, code=line.code, function=function.qualname),
            hits=line.hits,
            seconds=line.seconds,
            share=line.seconds / profile.run_seconds,
        )
        for function in profile.functions
        for line in function.lines
        if profile.run_seconds > 0 and line.seconds / profile.run_seconds >= SMALLEST_SHARE
    ]
    return tuple(sorted(found, key=lambda line: line.seconds, reverse=True)[:most])
