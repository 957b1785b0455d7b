"""Hand the host's own number over beside the tensor that was made of it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import given_as, is_plain, with_argument
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.host_copy import HostCopy, in_place
from sdprof.fixes.source.reading.made_from_host import value_on_host
from sdprof.fixes.source.reading.names import Function, bindings, is_free, last_name, scope_of
from sdprof.fixes.source.reading.twins import twin


def handed_over(frame: Frame, node: ast.expr) -> HostCopy | None:
    """Read a parameter ``t``, or ``t[0]``, from a new optional parameter that the caller gives.

    ``def step(x, t): if t[0] > 0`` → ``def step(x, t, t_on_host=None): if (t[0] if t_on_host is None else t_on_host) >
    0``, and the call ``step(x, t)`` → ``step(x, t, t_on_host=i)``. Other callers need not change. Both have to stand in
    one file, and only one function of that name.
    """
    name = node.value if isinstance(node, ast.Subscript) else node
    source = frame.source
    function = scope_of(source, node)
    if not isinstance(name, ast.Name) or not isinstance(function, Function):
        return None
    if [each.kind for each in bindings(function, name.id)] != ["parameter"] or not _is_open(source, function):
        return None
    caller = frame.caller()
    call = caller.source.node_at(caller.where)
    wished = f"{name.id}_on_host"
    if caller.source is not source or not isinstance(call, ast.Call) or last_name(call.func) != function.name:
        return None
    given = given_as(call, function, name.id) if is_plain(call) else None
    if not isinstance(given, ast.Name) or not is_free(function, wished):
        return None
    index = node.slice if isinstance(node, ast.Subscript) else None
    as_number = not isinstance(source.parents[node], ast.Attribute | ast.Subscript)
    found = value_on_host(caller, given, index, as_number=as_number)
    changes: list[Replacement] = []
    if found is None:
        copy = twin(caller, given) if index is None else None
        if copy is None or copy.text is None:
            return None
        found, changes = (copy.text, False), copy.replacements
    read = f"({source.code(node)} if {wished} is None else {wished})"
    changes += [
        _with_parameter(source, function, f"{wished}=None"),
        with_argument(source, call, f"{wished}={found[0]}"),
        in_place(source, node, read),
    ]
    said = f"The caller has {name.id} on the host, and hands it over."
    return HostCopy(source.path, changes, computes=found[1], said=said)


def _is_open(source: ModuleSource, function: Function) -> bool:
    """Whether a parameter may be added behind the others, and no other function takes the same calls."""
    given = function.args
    same = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == function.name]
    return given.vararg is None and given.kwarg is None and not given.kwonlyargs and bool(given.args) and len(same) == 1


def _with_parameter(source: ModuleSource, function: Function, text: str) -> Replacement:
    last = function.args.defaults[-1] if function.args.defaults else function.args.args[-1]
    end = source.span(last)[1]
    return Replacement(start=end, end=end, text=f", {text}")
