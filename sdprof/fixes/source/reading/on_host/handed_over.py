"""Hand the host's own number over beside the tensor that was made of it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.added_parameter import has_namesake_beside, takes_one_more, with_parameter
from sdprof.fixes.source.reading.calls import calls_to, given_as, is_plain, with_argument
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import Function, bindings, dotted, last_name, scope_of, written_in
from sdprof.fixes.source.reading.on_host.computed_beside import computed_beside, expression_beside
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, in_place
from sdprof.fixes.source.reading.on_host.made_from_host import made_value, value_on_host
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.patch_root import are_patched_together
from sdprof.fixes.source.reading.seen import value_of
from sdprof.model import SeenValue

MOST_CALLS = 4
"""A number is handed over through so many functions."""


def handed_over(frame: Frame, node: ast.expr) -> HostCopy | None:
    """Read a parameter ``t``, or ``t[0]``, from a new optional parameter that the caller gives.

    ``def step(x, t): if t[0] > 0`` → ``def step(x, t, t_on_host=None): if (t[0] if t_on_host is None else t_on_host) >
    0``, and the call ``step(x, t)`` → ``step(x, t, t_on_host=i)``. A caller that was given ``t`` itself hands on what
    its own caller gives. Other callers need not change. All have to stand in files that one patch changes; methods of
    the same name in classes that the caller's is made of, or that are made of it, get the parameter, too.
    """
    name = node.value if isinstance(node, ast.Subscript) else node
    if not isinstance(name, ast.Name):
        return None
    index = node.slice if isinstance(node, ast.Subscript) else None
    as_number = not isinstance(frame.source.parents[node], ast.Attribute | ast.Subscript)
    given = _given(frame, name, index, as_number=as_number, calls=MOST_CALLS)
    if given is None:
        return None
    wished = _parameter(name, index)
    read = f"{frame.source.code(node)} if {wished} is None else {wished}"
    parent = frame.source.parents[node]
    alone = isinstance(parent, ast.Call) and parent.args == [node]
    given.change(frame.source.path, [in_place(frame.source, node, read if alone else f"({read})")])
    given.text = None
    return given


def handed_over_all(frame: Frame, name: ast.Name) -> HostCopy | None:
    """What it takes to have all of a parameter on the host; ``text`` reads it, also where other callers give none."""
    given = _given(frame, name, None, as_number=False, calls=MOST_CALLS)
    if given is not None and given.file != frame.source.path:
        return None
    if given is not None:
        given.text = f"{name.id} if {given.text} is None else {given.text}"
    return given


def _parameter(name: ast.Name, index: ast.expr | None) -> str:
    """``t_on_host`` for one element of ``t``, ``ts_on_host`` for all of them."""
    return f"{name.id}{'s' if index is None else ''}_on_host"


def _given(frame: Frame, name: ast.Name, index: ast.expr | None, *, as_number: bool, calls: int) -> HostCopy | None:
    """What it takes to have the parameter that stands for ``name`` on the host in a function."""
    source = frame.source
    function, wished = scope_of(source, name), _parameter(name, index)
    if not isinstance(function, Function):
        return None
    if [each.kind for each in bindings(function, name.id)] != ["parameter"] or name.id in written_in(function):
        return None
    caller = frame.caller()
    call = caller.source.node_at(caller.where)
    together = are_patched_together(caller.source.path, source.path)
    if not together or not isinstance(call, ast.Call) or last_name(call.func) != function.name:
        return None
    given = given_as(call, function, name.id)  # None where it may come in *args or **kwargs
    if given is None or not takes_one_more(source, function, name.id, wished, call):
        return None
    if isinstance(given, ast.Name):
        found = _of_caller(caller, given, index, as_number=as_number, calls=calls - 1)
    else:
        found = _made_there(caller, given, value_of(name, frame.values), index, as_number=as_number)
        found = _computed(caller, given, index) if found is None else found
    if found is None or found.text is None or has_namesake_beside(source, function, caller.source, call):
        return None
    found.change(source.path, with_parameter(source, function, f"{wished}=None", call))
    for each in (call, *_alike(caller.source, call, function, name.id)):
        found.change(caller.source.path, [with_argument(caller.source, each, f"{wished}={found.text}")])
    found.text = wished
    return found


def _alike(source: ModuleSource, call: ast.Call, function: Function, parameter: str) -> list[ast.Call]:
    """Other calls by which the caller hands over the very same: a parameter of its own that it never binds again."""
    scope = scope_of(source, call)
    given = given_as(call, function, parameter)
    if not isinstance(given, ast.Name) or [each.kind for each in bindings(scope, given.id)] != ["parameter"]:
        return []
    return [
        each
        for each in calls_to(source, function.name)
        if each is not call
        and is_plain(each)
        and scope_of(source, each) is scope
        and ast.dump(each.func) == ast.dump(call.func)
        and (other := given_as(each, function, parameter)) is not None
        and dotted(other) == given.id
    ]


def _made_there(
    caller: Frame, given: ast.expr, tensor: SeenValue | None, index: ast.expr | None, *, as_number: bool
) -> HostCopy | None:
    """``step(x, torch.full((n,), i, device=d))``: the call makes the tensor of what the host knows."""
    made = made_value(caller, given, tensor, index, as_number=as_number)
    if made is None:
        return None
    return HostCopy(caller.source.path, [], made[0], made[1], "The caller makes it of what the host knows.")


def _of_caller(
    caller: Frame, given: ast.Name, index: ast.expr | None, *, as_number: bool, calls: int
) -> HostCopy | None:
    """The number that a caller knows, or is given itself."""
    known = value_on_host(caller, given, index, as_number=as_number)
    said = f"The caller has {given.id} on the host, and hands it over."
    if known is not None:
        return HostCopy(caller.source.path, [], known[0], known[1], said)
    copy = twin(caller, given)
    copy = copy if copy is not None and copy.text is not None else computed_beside(caller, given, handed_over_all)
    if copy is not None and copy.text is not None:
        copy.said = said
        return _entry(copy, index)
    return _given(caller, given, index, as_number=as_number, calls=calls) if calls else None


def _computed(caller: Frame, given: ast.expr, index: ast.expr | None) -> HostCopy | None:
    """``ones_on_host * sigmas_on_host[i]`` of ``ones * sigmas[i]``: what the caller computes of what the host has."""
    copy = expression_beside(caller, given, handed_over_all)
    if copy is None or copy.text is None:
        return None
    copy.said = "The caller computes it on the host as well, and hands it over."
    return _entry(copy, index)


def _entry(copy: HostCopy, index: ast.expr | None) -> HostCopy | None:
    """One entry of what is handed over."""
    if index is not None and not isinstance(index, ast.Constant):
        return None
    copy.text = copy.text if index is None else f"({copy.text})[{ast.unparse(index)}]"
    return copy
