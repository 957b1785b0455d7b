"""A tensor of indices that the host makes, and that nothing but indexing on the device uses."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, last_name, scope_of, within
from sdprof.fixes.source.reading.on_device.host_trees import COUNTS, with_device
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import block_of
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword


def index_there(source: ModuleSource, node: ast.Subscript, values: Values) -> list[Replacement] | None:
    """``rows = torch.arange(a, b)`` → ``rows = torch.arange(a, b, device=x.device)``, where ``x[:, rows]`` copies it.

    None where no name of a host tensor stands in the index.

    :raises DeclinedError: the host uses it as well, or it is made otherwise.
    """
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    names = [each for each in parts if isinstance(each, ast.Name) and _is_whole_on_host(each, values)]
    if len(names) != 1 or not isinstance(node.value, ast.Name):
        return None
    scope, index = scope_of(source, node), names[0].id
    made = bindings(scope, index)
    makers = [each.node.value for each in made if isinstance(each.node, ast.Assign) and len(each.node.targets) == 1]
    if len(makers) != len(made) or not all(_counts(source, each) for each in makers):
        raise DeclinedError(f"{index} is not made by counting")
    own = set(within(scope))
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == index]
    uses = [each for each in uses if isinstance(each.ctx, ast.Load)]
    if not all(each in own and _indexes_device(source, each, values) for each in uses):
        raise DeclinedError(f"{index} is used on the host as well")
    if not all(_surely_bound(source, each.node, node.value.id) for each in made if isinstance(each.node, ast.Assign)):
        raise DeclinedError(f"{node.value.id}, which names the device, may be bound after the index is made")
    device = f"{node.value.id}.device"
    return [with_device(source, each, device) for each in makers if isinstance(each, ast.Call)]


def _is_whole_on_host(node: ast.expr, values: Values) -> bool:
    seen = value_of(node, values)
    return seen is not None and (seen.kind, seen.device, seen.dtype) == ("tensor", "cpu", "int64")


def _counts(source: ModuleSource, made: ast.expr) -> bool:
    counts = isinstance(made, ast.Call) and is_torch_call(source, made) and last_name(made.func) in COUNTS
    return counts and isinstance(made, ast.Call) and keyword(made, "device") is None


def _indexes_device(source: ModuleSource, use: ast.Name, values: Values) -> bool:
    """Whether a name is an index of a tensor on the device, alone or among others."""
    parent = source.parents[use]
    entry = source.parents[parent] if isinstance(parent, ast.Tuple) else parent
    inside = isinstance(entry, ast.Subscript) and use in ast.walk(entry.slice)
    return inside and isinstance(entry, ast.Subscript) and is_tensor(entry.value, values, "cuda") is True


def _surely_bound(source: ModuleSource, statement: ast.stmt, name: str) -> bool:
    """Whether a name has a value before a statement, on each way that leads there."""
    scope = scope_of(source, statement)
    if any(each.kind == "parameter" for each in bindings(scope, name)):
        return True
    current: ast.stmt = statement
    while True:
        block = block_of(source, current)
        if any(_binds_always(each, name) for each in block[: block.index(current)]):
            return True
        parent = source.parents[current]
        if not isinstance(parent, ast.stmt) or parent is scope:
            return False
        current = parent


def _binds_always(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, ast.Assign):
        return any(isinstance(each, ast.Name) and each.id == name for each in statement.targets)
    if isinstance(statement, ast.If) and statement.orelse:
        return all(any(_binds_always(each, name) for each in block) for block in (statement.body, statement.orelse))
    return False
