"""One entry of a table on the device, or some, taken by places that are known there alone."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import is_parameter, last_name
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_origins import make_host
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.seen import is_tensor, value_of
from sdprof.fixes.source.reading.tensor_calls import is_only_read, is_torch_call


def slice_of_one(frame: Frame, sliced: ast.Subscript) -> Replacement:
    """``x[:, n - 1 : n]`` → ``x.index_select(1, (n - 1).reshape(1))``, ``n`` a number on the device."""
    source, table = frame.source, value_of(sliced.value, frame.values)
    parts = sliced.slice.elts if isinstance(sliced.slice, ast.Tuple) else [sliced.slice]
    asked = [
        each for each in parts if not (isinstance(each, ast.Slice) and each.lower is each.upper is each.step is None)
    ]
    if len(asked) != 1 or not isinstance(asked[0], ast.Slice) or asked[0].step is not None:
        raise DeclinedError("More is asked for than one slice")
    lower, upper = asked[0].lower, asked[0].upper
    if (
        lower is None
        or upper is None
        or not _follows(lower, upper)
        or is_tensor(lower, frame.values, "cuda") is not True
    ):
        raise DeclinedError("It was not seen that the slice has one entry, by a number on the device")
    if table is None or (table.kind, table.device) != ("tensor", "cuda") or not is_only_read(source, sliced):
        raise DeclinedError("It was not seen that the slice is of a tensor on the device, and only read")
    called = any(isinstance(each, ast.Call) for each in ast.walk(lower))
    if not called and any(is_parameter(source, each) for each in ast.walk(lower)):
        raise DeclinedError("Another caller may give a number of the host's")
    place = f"{in_parentheses(source, lower)}.reshape(1)"
    place = place if frame.site.dtype in ("int64", "int32") else f"{place}.long()"
    return in_place(source, sliced, f"{source.code(sliced.value)}.index_select({parts.index(asked[0])}, {place})")


def _follows(lower: ast.expr, upper: ast.expr) -> bool:
    """``n - 1`` and ``n``, or ``n`` and ``n + 1``."""

    def beside(node: ast.expr, sign: type[ast.operator]) -> ast.expr | None:
        one = isinstance(node, ast.BinOp) and isinstance(node.op, sign) and ast.unparse(node.right) == "1"
        return node.left if one and isinstance(node, ast.BinOp) else None

    pairs = ((beside(lower, ast.Sub), upper), (lower, beside(upper, ast.Add)))
    return any(one is not None and other is not None and ast.dump(one) == ast.dump(other) for one, other in pairs)


def first_selected(frame: Frame, selected: ast.Subscript) -> Replacement:
    """``table[mask][0]`` → ``table.take(mask.int().argmax())``, of a row of numbers."""
    source, first = frame.source, frame.source.parents[selected]
    table = value_of(selected.value, frame.values)
    if not isinstance(first, ast.Subscript) or first.value is not selected or ast.unparse(first.slice) != "0":
        raise DeclinedError("More than the first entry that the mask selects is used")
    if table is None or (table.kind, table.device) != ("tensor", "cuda") or table.shape != frame.site.shape:
        raise DeclinedError("It was not seen that the mask selects from a row of numbers on the device")
    mask = in_parentheses(source, selected.slice)
    return in_place(source, first, f"{source.code(selected.value)}.take({mask}.int().argmax())")


def gathered(frame: Frame, entry: ast.Subscript) -> Replacement | None:
    """``torch.stack([table[i] for i in indices])`` → ``table[indices]``."""
    source, made = frame.source, frame.source.parents[entry]
    if not isinstance(made, ast.ListComp) or made.elt is not entry or len(made.generators) != 1:
        return None
    (part,) = made.generators
    table, indices = value_of(entry.value, frame.values), value_of(part.iter, frame.values)
    call = source.parents[made]
    stacks = isinstance(call, ast.Call) and last_name(call.func) == "stack" and is_torch_call(source, call)
    if not stacks or not isinstance(call, ast.Call) or call.args != [made] or call.keywords or part.ifs:
        return None
    if ast.unparse(part.target) != ast.unparse(entry.slice) or table is None or indices is None:
        return None
    if (table.kind, table.device) != ("tensor", "cuda") or (indices.kind, indices.device) != ("tensor", "cuda"):
        return None
    if len(indices.shape) != 1 or indices.dtype not in ("int64", "int32"):
        return None
    return in_place(source, call, f"{source.code(entry.value)}[{source.code(part.iter)}]")


def can_stay_on_device(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression takes an entry from a table on the device, by an index on the device, and only reads it.

    Not where the host can have the index without computing it: a host copy of what the loop runs through serves the
    host's other uses of it as well, and an index that lies on the host is none for ``take``.
    """
    if not isinstance(node, ast.Subscript):
        return False
    table = value_of(node.value, frame.values)
    return (
        table is not None
        and table.kind == "tensor"
        and table.device == "cuda"
        and len(table.shape) > 0
        and is_tensor(node.slice, frame.values, "cuda") is True
        and is_only_read(frame.source, node)
        and not _is_known_to_host(frame, node.slice)
    )


def _is_known_to_host(frame: Frame, index: ast.expr) -> bool:
    try:
        copy = twin(frame, index) or make_host(frame, index)
    except DeclinedError:
        return False
    return copy is not None and not copy.computes
