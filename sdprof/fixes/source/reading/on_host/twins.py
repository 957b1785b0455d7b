"""The twin of an expression: another one, of the same frame, with the same value on the host.

A table that does not change while the loop runs is copied before the loop; its entries, names that stand for them, and
the loop's variables are read from that copy.
"""

from __future__ import annotations

import ast
import math

from sdprof.fixes.source.reading.before_loop.guards import table_unless_none
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import (
    LoopStatement,
    before_loop,
    changes_around,
    is_invariant,
)
from sdprof.fixes.source.reading.names import Scope, bindings, dotted, read_in, scope_of, unpacked
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, copy_name
from sdprof.fixes.source.reading.on_host.loop_variables import of_loop_variable
from sdprof.fixes.source.reading.seen import is_tensor, value_of
from sdprof.fixes.source.reading.tensor_leaves import Leaf, tensor_leaves

MOST_ELEMENTS = 65536
"""A table of coefficients is small; what is larger is data."""


def twin(frame: Frame, node: ast.expr) -> HostCopy | None:
    """An expression for the same value on the host, where the loop stands in this frame."""
    loop = frame.loop_around(node)
    if loop is None or is_tensor(node, frame.values, "cuda") is False:
        return None
    scope = scope_of(frame.source, node)
    if isinstance(node, ast.Subscript):
        return _of_entry(frame, node, loop, scope)
    if dotted(node) is None:
        return None
    if isinstance(node, ast.Name):
        bound = bindings(scope, node.id)
        inside = [each for each in bound if _is_inside(each.node, loop)]
        if len(inside) == 1 and inside[0].kind == "loop" and inside[0].node is loop:
            return of_loop_variable(frame, node.id, loop, scope)
        if len(inside) == 1 and len(bound) == 1 and inside[0].kind in ("assignment", "unpacking"):
            return _of_alias(frame, node.id, inside[0].node, loop)
        if inside:
            return None
    return _of_table(frame, node, loop, scope)


def _of_table(frame: Frame, node: ast.expr, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    seen = value_of(node, frame.values)
    if seen is not None and (seen.kind != "tensor" or math.prod(seen.shape) > MOST_ELEMENTS):
        return None
    if not is_invariant(node, loop) or not _comes_from_this_frame(frame, node, scope):
        return None
    if not is_left_alone(frame.source, node, loop, scope):
        return None
    if changes_around(frame.source, node, loop, scope):
        return None  # the copy would be made in each pass of a loop around, where nobody counts it
    name = copy_name(scope, node)
    if name is None:
        return None
    copy = table_unless_none(frame.source, node, loop, scope)
    if copy is None:
        return None
    said = f"{frame.source.code(node)} is read once, before the loop."
    return HostCopy(frame.source.path, [before_loop(frame.source, loop, f"{name} = {copy}")], name, said=said)


def _of_entry(frame: Frame, node: ast.Subscript, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    if dotted(node.value) is None:
        return None
    table = _of_table(frame, node.value, loop, scope)
    if table is None:
        return None
    index = frame.source.code(node.slice)
    for leaf in tensor_leaves(node.slice, frame.values):
        if is_tensor(leaf, frame.values, "cuda"):
            inner = twin(frame, leaf)
            if inner is None or inner.text is None or leaf is not node.slice:
                return None
            index = inner.text
            table.replacements += inner.replacements
    table.text = f"{table.text}[{index}]"
    return table


def _of_alias(frame: Frame, name: str, statement: ast.AST, loop: LoopStatement) -> HostCopy | None:
    """A name that stands for an entry of a table throughout an iteration."""
    if not isinstance(statement, ast.Assign):
        return None
    value = unpacked(statement, statement.value, name)
    if not isinstance(value, Leaf):
        return None
    scope = scope_of(frame.source, statement)
    indices = read_in(value.slice) if isinstance(value, ast.Subscript) else set()
    if any(len(bindings(scope, index)) > 1 for index in indices):
        return None
    return twin(frame, value)


def _comes_from_this_frame(frame: Frame, node: ast.expr, scope: Scope) -> bool:
    """Whether the name exists before the loop: a parameter, or bound in this scope; globals are left alone."""
    name = (dotted(node) or "").split(".")[0]
    return bool(bindings(scope, name)) or name in frame.values


def _is_inside(node: ast.AST, loop: LoopStatement) -> bool:
    return any(each is node for each in ast.walk(loop))
