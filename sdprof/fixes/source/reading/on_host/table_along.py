"""Entries of a table on the host that go to the device step by step: the table could have gone there once."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.reading.before_loop.guards import known_before, table_unless_none
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import before_loop, is_invariant
from sdprof.fixes.source.reading.names import dotted, last_name, scope_of
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.on_device.host_trees import CASTS, REARRANGES, call_moves
from sdprof.fixes.source.reading.on_device.moves import Move
from sdprof.fixes.source.reading.on_host.host_copy import copy_name, in_place
from sdprof.fixes.source.reading.seen import value_of
from sdprof.fixes.source.reading.tensor_calls import is_only_read

MOST_ELEMENTS = 65536
"""A table of coefficients is small; what is larger is data, of which a step may need but a part on the device."""


@dataclass(frozen=True)
class TableAlong:
    """What has to change so that the entries are taken on the device; ``.to(device)`` itself has to go besides."""

    changes: list[Replacement]
    helpers: tuple[str, ...] = ()


def table_along(frame: Frame, move: Move, *, hoisted: bool) -> TableAlong:
    """``table[i].repeat(n).to(d)`` → ``table_on_device[i].repeat(n)``, with ``table.to(d)`` in front of the loop.

    :param hoisted: in front of the loop; else by a helper that keeps the copy.
    :raises DeclinedError: it is not an entry of one small table on the host that stays as it is.
    """
    source = frame.source
    table = _table_in(frame, move.host)
    scope = scope_of(source, move.call)
    changes: list[Replacement] = []
    if not hoisted:
        changes.append(in_place(source, table, f"_on_device({source.code(table)}, {move.device_text})"))
        return TableAlong(changes + _copied(frame, move), ("_on_device",))
    loop = frame.loop_around(move.call)
    if loop is None or not is_invariant(table, loop) or not known_before(source, move.device, loop, scope):
        raise DeclinedError("The table may change in the loop, or the device is not known before it")
    if not is_left_alone(source, table, loop, scope):
        raise DeclinedError("The loop, or what it calls, may write to the table, or put another one in its place")
    name = copy_name(scope, table, "on_device")
    copy = table_unless_none(source, table, loop, scope, f".to({move.device_text})")
    if name is None or copy is None:
        raise DeclinedError("The table may mean nothing in front of the loop")
    changes += [before_loop(source, loop, f"{name} = {copy}"), in_place(source, table, name)]
    return TableAlong(changes + _copied(frame, move))


def _copied(frame: Frame, move: Move) -> list[Replacement]:
    """A copy of what was a tensor of its own, unless nobody writes to it."""
    fresh = isinstance(move.host, ast.Call) and last_name(move.host.func) in ("repeat", "clone")
    if fresh or is_only_read(frame.source, move.call):
        return []
    end = frame.source.span(move.call)[1]
    return [Replacement(start=end, end=end, text=".clone()")]


def _table_in(frame: Frame, node: ast.expr) -> ast.expr:
    """The table whose entries an expression takes, and does nothing with but rearrange and convert them."""
    entry = False
    while True:
        seen = value_of(node, frame.values)
        if seen is not None:
            if not entry or (seen.kind, seen.device) != ("tensor", "cpu") or math.prod(seen.shape) > MOST_ELEMENTS:
                raise DeclinedError("What is moved is no entry of a small table on the host")
            return node
        if isinstance(node, ast.Subscript):
            if not _is_place(frame, node.slice):
                raise DeclinedError("The entry is not chosen by a number")
            entry, node = True, node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not call_moves(node):
            if node.func.attr not in REARRANGES | CASTS:
                raise DeclinedError(f"{node.func.attr} computes on the host")
            node = node.func.value
        else:
            raise DeclinedError("What is moved is no entry of a small table on the host")


def _is_place(frame: Frame, index: ast.expr) -> bool:
    if isinstance(index, ast.Tuple):
        return all(_is_place(frame, each) for each in index.elts)
    if isinstance(index, ast.Slice):
        return all(_is_place(frame, each) for each in (index.lower, index.upper, index.step) if each is not None)
    if isinstance(index, ast.Constant) and (index.value is None or index.value is Ellipsis):
        return True
    kind = number_type(frame.source, index, frame.values)
    return kind is not None and kind.dtype.startswith("int") and dotted(index) not in ("True", "False")
