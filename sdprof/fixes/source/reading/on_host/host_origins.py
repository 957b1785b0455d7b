"""Make a value a host value where it comes from: in its assignment, or in the call that hands it over."""

from __future__ import annotations

import ast

from sdprof.fixes.source.reading.calls import calls_to, given_as, is_plain
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import Function, bindings, last_name, read_in, scope_of, statement_of, unpacked
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.fixes.source.reading.on_host.handed_on import handed_to_unknown
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, in_place, merged
from sdprof.fixes.source.reading.on_host.iteration import comprehended
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.straight_line import block_of
from sdprof.fixes.source.reading.tensor_leaves import Leaf, tensor_leaves
from sdprof.model import SeenValue

CALLED_BY_OTHER_NAMES = frozenset({"forward", "__call__", "__init__"})


Followed = frozenset[tuple[int, str]]
"""Scopes and names on the way: what a loop carries comes from itself."""


def make_host(frame: Frame, node: ast.expr, followed: Followed = frozenset()) -> HostCopy | None:
    """Make the value of a name a host value where it comes from."""
    if not isinstance(node, ast.Name):
        return None
    scope = scope_of(frame.source, node)
    if (id(scope), node.id) in followed:
        return None
    followed |= {(id(scope), node.id)}
    batch = comprehended(frame.source, node)
    if batch is not None:
        return _items_made_host(frame, batch)
    bound = bindings(scope, node.id)
    assigned = [each for each in bound if each.kind in ("assignment", "unpacking")]
    parameter = any(each.kind == "parameter" for each in bound)
    made = None
    if len(assigned) == 1 and len(bound) == 1 + parameter and assigned[0].value is not None:
        value = assigned[0].value
        if assigned[0].kind == "unpacking" and isinstance(value, ast.Tuple):
            value = unpacked(assigned[0].node, value, node.id) or value
        if not cuts_fractions(frame.source, value, frame.values) and node.id not in read_in(value):
            seen = value_of(node, frame.values)
            counts = seen is not None and _is_integer(seen) and _tensors_are_integers(value, frame.values)
            made = host_operands(frame, value, counts=counts, followed=followed)
    if not parameter or not isinstance(scope, Function):
        return made
    given = _from_caller(frame, scope, node.id, followed)  # if t is None: t = …
    found = [each for each in (made, given) if each is not None]
    return merged(found, computes=False) if found else None


def _items_made_host(frame: Frame, batch: ast.expr) -> HostCopy | None:
    """``float(x) for x in xs`` → ``float(x) for x in xs_on_host``."""
    copy = twin(frame, batch)
    if copy is None or copy.text is None:
        return None
    copy.replacements.append(in_place(frame.source, batch, copy.text))
    copy.text = None
    return copy


def host_operands(
    frame: Frame, value: ast.expr, *, counts: bool = False, followed: Followed = frozenset()
) -> HostCopy | None:
    """Compute an expression from host values: each of its operands that has a twin, or can be made a host value.

    :param counts: it takes whole numbers to whole numbers, which come out the same on any device.
    """
    own = twin(frame, value) if isinstance(value, Leaf) else None
    if own is not None and own.text is not None:
        own.replacements.append(in_place(frame.source, value, own.text))
        own.text = None
        return own
    found: list[HostCopy] = []
    for leaf in tensor_leaves(value, frame.values):
        copy = twin(frame, leaf)
        if copy is not None and copy.text is not None:
            copy.replacements.append(in_place(frame.source, leaf, copy.text))
        else:
            copy = make_host(frame, leaf, followed)
        if copy is not None:
            found.append(copy)
    if not found:
        return None
    return merged(found, computes=not (counts or isinstance(value, Leaf)))


def _from_caller(frame: Frame, function: Function, parameter: str, followed: Followed) -> HostCopy | None:
    caller = frame.caller()
    call = caller.source.node_at(caller.where)
    if not isinstance(call, ast.Call):
        return None
    if last_name(call.func) != function.name and function.name not in CALLED_BY_OTHER_NAMES:
        return None
    given = given_as(call, function, parameter)
    if given is None:
        return None
    cuts = cuts_fractions(caller.source, given, caller.values)
    found = host_operands(caller, given, followed=followed) if not cuts else None
    others = [each for each in _called_beside(caller, call) if each is not call] if found is not None else []
    for other in (given_as(each, function, parameter) for each in others):
        if other is not None and not cuts_fractions(caller.source, other, caller.values) and found is not None:
            copy = host_operands(caller, other, followed=followed)
            found = merged([found, copy], computes=False) if copy is not None else found
    seen = value_of(ast.Name(parameter), frame.values)
    if found is None or (seen is not None and _is_integer(seen)):
        return found
    if handed_to_unknown(frame.source, function, parameter):
        return None
    found.computes = True  # what the function computes from it is computed on the host from now on
    return found


def _called_beside(caller: Frame, call: ast.Call) -> list[ast.Call]:
    """The calls of the same function in the block of one: every step that comes to the one comes to them."""
    source = caller.source
    block = block_of(source, statement_of(source, call))
    same = [each for each in calls_to(source, last_name(call.func)) if ast.dump(each.func) == ast.dump(call.func)]
    return [each for each in same if is_plain(each) and statement_of(source, each) in block]


def _is_integer(seen: SeenValue) -> bool:
    return seen.dtype.startswith(("int", "uint", "bool"))


def _tensors_are_integers(node: ast.expr, values: Values) -> bool:
    """Whether every tensor that is known to take part holds integers."""
    leaves = tensor_leaves(node, values)
    seen = [value_of(leaf.value if isinstance(leaf, ast.Subscript) else leaf, values) for leaf in leaves]
    tensors = [each for each in seen if each is not None and each.kind == "tensor"]
    return bool(tensors) and all(map(_is_integer, tensors))
