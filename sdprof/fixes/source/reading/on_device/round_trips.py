"""Expressions that take a tensor to the host, put it beside tables that lie there, and send the result back."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.reading.calls import without_method
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import dotted, last_name
from sdprof.fixes.source.reading.on_device.host_trees import CASTS, PURE, REARRANGES, call_moves
from sdprof.fixes.source.reading.on_device.moves import is_to_host, move_of
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_size
from sdprof.fixes.source.reading.seen import device_of, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import loads_after
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

MOST_ELEMENTS = 65536
CHOOSE = frozenset({"where", "gather", "index_select", "take", "argmin", "argmax", "minimum", "maximum", "min", "max"})
CHOOSE |= frozenset({"abs", "neg", "clamp", "clip", "searchsorted", "bucketize"})
"""They give numbers that were there before, or their places."""
SETTINGS = frozenset({"dim", "keepdim", "min", "max", "right", "input", "other", "index"})
NO_WAY_BACK = "What is made of the host's copy does not go back to the device, by itself or under one name"


@dataclass
class RoundTrip:
    """What changes so that the tables come to the tensor instead."""

    device: str
    changes: list[Replacement] = field(default_factory=list)
    tables: int = 0
    computes: bool = False


def beside_tables(frame: Frame, call: ast.Call) -> RoundTrip:
    """``(x.cpu() - table).argmin().to(x.device)`` → ``(x - _on_device(table, x.device)).argmin().to(x.device)``.

    :raises DeclinedError: something on the way is not known to do the same on the device, or nothing goes back there.
    """
    if not _is_brought(frame, call):
        raise DeclinedError("It was not seen that a tensor on the device is taken to the host by this call")
    assert isinstance(call.func, ast.Attribute)
    trip = RoundTrip(f"{frame.source.code(call.func.value)}.device")
    parts, carried = _way_back(frame, call)
    for part in parts:
        if cuts_fractions(frame.source, part, frame.values):
            raise DeclinedError("Fractions are cut to whole numbers: rounded otherwise, one could become its neighbour")
        _read(frame, part, trip, carried)
    if not trip.tables:
        raise DeclinedError("No table on the host takes part")
    return trip


def _goes_to_host(frame: Frame, call: ast.Call) -> bool:
    """``x.cpu()``, ``x.to("cpu")``, or ``x.to(table.device)`` of a table on the host."""
    if is_to_host(call):
        return True
    given = call.args[0] if len(call.args) == 1 and not call.keywords and last_name(call.func) == "to" else None
    return given is not None and not isinstance(given, ast.Constant) and device_of(given, frame.values) == "cpu"


def _way_back(frame: Frame, call: ast.Call) -> tuple[list[ast.expr], set[str]]:
    """The expressions between the copy to the host and the one back, and the names that carry their results."""
    source = frame.source
    parts: list[ast.expr] = []
    carried: set[str] = set()
    inner: ast.expr = call
    while True:
        outer = source.parents[inner]
        called = source.parents[outer] if isinstance(outer, ast.Attribute) else None
        if isinstance(called, ast.Call) and called.func is outer and call_moves(called):
            if device_of(move_of(source, called, frame.values).device, frame.values) != "cuda":
                raise DeclinedError(NO_WAY_BACK)
            return [*parts, inner], carried
        if isinstance(outer, ast.Assign) and len(outer.targets) == 1 and isinstance(outer.targets[0], ast.Name):
            loads = loads_after(source, outer)
            if len(loads) != 1 or outer.targets[0].id in carried:
                raise DeclinedError(NO_WAY_BACK)
            parts.append(inner)
            carried.add(outer.targets[0].id)
            inner = loads[0]
        elif isinstance(outer, ast.expr):
            inner = outer
        elif isinstance(outer, ast.keyword) and isinstance(asked := source.parents[outer], ast.Call):
            inner = asked
        else:
            raise DeclinedError(NO_WAY_BACK)


def _read(frame: Frame, node: ast.expr, trip: RoundTrip, carried: set[str]) -> None:
    source, values = frame.source, frame.values
    if isinstance(node, ast.Constant) or is_size(node) or (isinstance(node, ast.Name) and node.id in carried):
        return
    if isinstance(node, ast.Name | ast.Attribute) and (seen := value_of(node, values)) is not None:
        if (seen.kind, seen.device) == ("tensor", "cpu"):
            if math.prod(seen.shape) > MOST_ELEMENTS:
                raise DeclinedError("The table on the host is large: the device need not have all of it")
            trip.tables += 1
            trip.changes.append(in_place(source, node, f"_on_device({source.code(node)}, {trip.device})"))
        elif seen.kind != "number" and (seen.kind, seen.device) != ("tensor", "cuda"):
            raise DeclinedError(f"{source.code(node)} is no tensor and no number")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_brought(frame, node):
        trip.changes.append(without_method(source, node))
    elif isinstance(node, ast.Call):
        for each in _operands(frame, node, trip):
            _read(frame, each, trip, carried)
    elif isinstance(node, ast.Subscript):
        _read(frame, node.value, trip, carried)
        for each in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            bounds = [each.lower, each.upper, each.step] if isinstance(each, ast.Slice) else [each]
            for bound in bounds:
                if bound is not None:
                    _read(frame, bound, trip, carried)
    elif isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
        trip.computes |= isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub | ast.Mult)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                _read(frame, part, trip, carried)
    else:
        raise DeclinedError(f"{source.code(node)} is not known to do the same on the device")


def _is_brought(frame: Frame, call: ast.Call) -> bool:
    """Whether a call takes a tensor from the device to the host."""
    assert isinstance(call.func, ast.Attribute)
    owner = call.func.value
    return _goes_to_host(frame, call) and dotted(owner) is not None and is_tensor(owner, frame.values, "cuda") is True


def _operands(frame: Frame, call: ast.Call, trip: RoundTrip) -> list[ast.expr]:
    """What a function or method that chooses or computes is given.

    :raises DeclinedError: it may do something else.
    """
    name = last_name(call.func)
    of_torch = is_torch_call(frame.source, call)
    method = isinstance(call.func, ast.Attribute) and not of_torch
    plain = all(each.arg in SETTINGS for each in call.keywords) and not call_moves(call)
    if not (of_torch or method) or name not in CHOOSE | PURE or not plain:
        raise DeclinedError(f"{frame.source.code(call)} is not known to do the same on the device")
    trip.computes |= name not in CHOOSE | REARRANGES | CASTS
    given = [*call.args, *(each.value for each in call.keywords)]
    return [call.func.value, *given] if method and isinstance(call.func, ast.Attribute) else given
