"""What the compiler names by a number or a hash, in words: such a name means nothing to a reader."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from sdprof.model import HotOp

_NAMED_BY_THE_COMPILER = (
    (re.compile(r"## Call CompiledFxGraph \w+ ##"), "compiled graphs"),
    (re.compile(r"Torch-Compiled Region: \d+/\d+"), "calls of compiled regions"),
)


def plain_name(operator: str) -> str:
    """The name as a reader knows it."""
    return next((words for pattern, words in _NAMED_BY_THE_COMPILER if pattern.fullmatch(operator)), operator)


def merged(operators: Iterable[HotOp]) -> tuple[HotOp, ...]:
    """One row for each kind of thing that the compiler names, at the place of its first; all others as they are."""
    rows: dict[object, HotOp] = {}
    for number, operator in enumerate(operators):
        name = plain_name(operator.name)
        if name == operator.name:
            rows[number] = operator
        elif name not in rows:
            rows[name] = msgspec.structs.replace(operator, name=name, input_shapes="", flops=None, percent_of_peak=None)
        else:
            first = rows[name]
            rows[name] = msgspec.structs.replace(
                first,
                calls=first.calls + operator.calls,
                seconds=first.seconds + operator.seconds,
                share=first.share + operator.share,
            )
    return tuple(rows.values())
