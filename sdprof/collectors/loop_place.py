"""Where in the loop's function an instruction stands: in the loop's body, in its head, or beside it."""

from __future__ import annotations

import dis
import functools
from enum import Enum
from types import CodeType

from sdprof.collectors.expression import span_of
from sdprof.collectors.loop_body import OWN_FRAME, LoopBody


class Place(Enum):
    """What is known of an instruction without running it."""

    BODY = "body"
    """Runs once an iteration."""
    REPEATED_HEAD = "repeated head"
    """The condition of a ``while``, or the advance of a ``for``: once before the first iteration, then once each."""
    BESIDE = "beside"
    """Outside of the loop, or in a part of its head that is evaluated once: set-up or aftermath."""
    UNKNOWN = "unknown"
    """There is no loop in the source: recursion, ``map``, steps that are written out, or no source at all."""


def place_of(code: CodeType, instruction: int, body: LoopBody | None, call_line: int) -> Place:
    """Place of the instruction at byte offset ``instruction`` of the loop's function.

    :param body: the loop, as ``find_loop_body`` found it.
    :param call_line: the line of that function from which the hot module is called.
    """
    if body is None:
        return Place.UNKNOWN
    if code.co_qualname.endswith(OWN_FRAME):
        return Place.BODY
    span = span_of(code, instruction)
    if span is None:
        return Place.UNKNOWN
    advances = instruction in _advances(code)
    if body.kind == "comprehension":
        if not body.whole.contains_start_of(span):
            return Place.BESIDE
        return Place.BESIDE if body.header.contains_start_of(span) and not advances else Place.BODY
    if body.body.contains_start_of(span):
        return Place.BODY
    if not body.whole.contains_start_of(span) or (span.line, span.column) > (body.body.line, body.body.column):
        return Place.BESIDE
    if body.kind == "while":
        return Place.REPEATED_HEAD
    if not advances:
        return Place.BESIDE
    # `for y in map(denoise, steps)`: the advance makes the step.
    called_from_head = body.header.line <= call_line <= body.header.end_line
    return Place.BODY if called_from_head else Place.REPEATED_HEAD


@functools.lru_cache(maxsize=64)
def _advances(code: CodeType) -> frozenset[int]:
    """Offsets of the instructions that fetch the next item of a loop."""
    return frozenset(
        instruction.offset for instruction in dis.get_instructions(code) if instruction.opname == "FOR_ITER"
    )
