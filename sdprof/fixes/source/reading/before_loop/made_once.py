"""Make a tensor once that a loop makes again in each step: before the loop, or where that cannot be shown, by a helper.

Before the loop goes what reads nothing that the loop binds or writes to, whatever its content is. In a function that
the loop calls, a helper keeps the result while the very same tensors come again.
"""

from __future__ import annotations

import ast
import contextlib

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.kept_result import kept_result
from sdprof.fixes.source.reading.before_loop.made_for_step import made_for_step
from sdprof.fixes.source.reading.before_loop.moved_before_loop import moved_before_loop
from sdprof.fixes.source.reading.before_loop.repeatable import check_repeatable
from sdprof.fixes.source.reading.before_loop.shared_result import check_shared
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import LoopStatement, loops_around
from sdprof.fixes.source.reading.names import scope_of


def made_once(site: SiteEvidence, sources: Sources) -> list[MadeOnce]:
    """The ways to make a tensor once, the one to prefer first.

    :raises DeclinedError: there is none.
    """
    frame = Frame(site, sources, _users_frame(site))
    source, node = frame.source, frame.source.node_at(frame.where)
    if not isinstance(node, ast.Call) or not source.has_own_text(node):
        raise DeclinedError("The tensor is not made by a call in this expression")
    try:
        check_repeatable(source, node)
    except DeclinedError as declined:
        raise DeclinedError("A library makes it") if frame.depth else declined from None
    check_shared(source, node)
    loop = frame.loop_around(node)
    ways: list[MadeOnce] = []
    reason = "It is made in a function that the loop calls"
    sampling = _loops_around(source, loop) if loop is not None else []
    for each in sampling:
        try:
            ways.append(moved_before_loop(source, node, each, sampling))
            break
        except DeclinedError as declined:
            reason = str(declined)
    if not ways:
        with contextlib.suppress(DeclinedError):
            ways.append(made_for_step(site, sources, source, node))
    try:
        ways.append(kept_result(site, source, node))
    except DeclinedError as declined:
        if not ways:
            raise DeclinedError(f"{reason}; and it cannot be kept: {_lower(str(declined))}") from declined
    return ways


def _loops_around(source: ModuleSource, loop: LoopStatement) -> list[LoopStatement]:
    """The loop and those around it in its function, the outermost first."""
    return [*reversed(loops_around(source, loop, scope_of(source, loop))), loop]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _users_frame(site: SiteEvidence) -> int:
    """The innermost frame of the user's, or of the file that the loop is in: a library's own code stays as it is."""
    file = site.loop.loop.file if site.loop is not None and site.loop.loop is not None else ""
    inner = (depth for depth, frame in enumerate(site.stack) if not frame.library or frame.where.file == file)
    return next(inner, len(site.stack) - 1)
