"""Whether a loop leaves a table as it was, so that a copy in front of the loop holds what the table holds.

Under a flag that the watched run did not set, a loop may write to its table by another name, hand it to a function that
does, or call a method that binds the attribute anew. The text is asked, not the run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.repeatable import MAKERS
from sdprof.fixes.source.reading.before_loop.shared_result import VIEWS
from sdprof.fixes.source.reading.before_loop.unchanging import (
    aliases,
    called_by,
    changed_by_calls,
    is_bound_by_others,
    is_handed_on,
    libraries,
    overlap,
    reads_of,
    rebound,
    trunk_of,
    written_into,
)
from sdprof.fixes.source.reading.calls import given_as
from sdprof.fixes.source.reading.loops import LoopStatement
from sdprof.fixes.source.reading.names import Function, Scope, bindings, dotted, last_name, within

_BUILTINS = """
len range enumerate zip list tuple reversed float int bool str print min max sum sorted iter next any all isinstance
getattr hasattr type id repr
"""
ONLY_READS = frozenset(_BUILTINS.split())
SAME_MEMORY = VIEWS - {"to", "type", "type_as", "float", "half", "double", "bfloat16", "contiguous"}
"""What hands out the table itself; a conversion may, but who is given one has no use for writing to it."""
DEEPEST = 4
"""Calls that a table is followed through."""


def is_left_alone(
    source: ModuleSource, expression: ast.expr, loop: LoopStatement, scope: Scope, *, taken_once: bool = False
) -> bool:
    """Whether nothing that the loop does, or what it calls, changes what an expression reads, under whatever name.

    :param taken_once: the loop's head evaluates the expression; that another tensor gets the name does not matter.
    """
    try:
        reads = reads_of(source, expression)
    except DeclinedError:
        return False
    return all(_is_left_alone(source, each, loop, scope, taken_once=taken_once) for each in reads)


def _is_left_alone(
    source: ModuleSource, read: ast.expr, loop: LoopStatement, scope: Scope, *, taken_once: bool
) -> bool:
    trunk = trunk_of(read)
    name, _, attributes = trunk.partition(".")
    if isinstance(read, ast.Attribute) and read.attr in ("device", "dtype", "shape") and trunk == name:
        return True  # told of a tensor, not read from it
    names = aliases(scope, trunk)
    nested = [each for each in within(scope) if isinstance(each, Function)]
    if any(overlap(alias, other) for each in (loop, *nested) for other in written_into(each) for alias in names):
        return False
    whole = _whole_names(scope, trunk)
    if any(_may_write(source, each, whole) for part in (*loop.body, *nested) for each in ast.walk(part)):
        return False
    if not bindings(scope, name) and _is_changed_elsewhere(source, name):
        return False
    if taken_once:
        last = attributes.rpartition(".")[2]
        return not any(last and last == written.rpartition(".")[2] for written in _written_by_called(source, loop))
    if is_bound_by_others(source, name) or any(overlap(trunk, other) for other in _bound_in(loop, nested)):
        return False
    if not attributes:
        return True
    hands_over = any(isinstance(each, ast.Yield | ast.YieldFrom | ast.Await) for each in ast.walk(loop))
    changed = {*attributes.split(".")} & changed_by_calls(source, loop)
    return not (hands_over or changed or is_handed_on(source, loop, name))


def _is_changed_elsewhere(source: ModuleSource, name: str) -> bool:
    """Whether a name of the functions around, or of the module, may be changed by what the loop calls.

    A table of the module counts as one that stays where the file makes it in one place, and no function writes to it.
    """
    if name in libraries(source):
        return False
    of_module = bindings(source.tree, name)
    if of_module and [each.kind for each in of_module] != ["assignment"]:
        return True
    users = [each for each in ast.walk(source.tree) if isinstance(each, Function) and not bindings(each, name)]
    return any(overlap(name, other) for each in users for other in written_into(each))


def _bound_in(loop: LoopStatement, nested: list[Function]) -> Iterator[str]:
    """What the loop binds; of functions beside it, what they declare as bound around them is told elsewhere."""
    yield from rebound(loop)
    yield from (name for each in nested for name in rebound(each) if "." in name)


def _written_by_called(source: ModuleSource, loop: LoopStatement) -> Iterator[str]:
    yield from (name for each in called_by(source, loop) for name in written_into(each) if "." in name)


def may_be_written(
    source: ModuleSource, region: ast.AST, scope: Scope, trunk: str, known: Sequence[ast.Call] = ()
) -> bool:
    """Whether a part of a scope, or a function in it, hands a tensor to a function that may write to it.

    :param known: calls of functions that are looked at elsewhere.
    """
    name = trunk.partition(".")[0]
    names = _whole_names(scope, trunk)
    parts = [region, *(each for each in within(scope) if isinstance(each, Function))]
    calls = [each for part in parts for each in ast.walk(part) if not any(each is call for call in known)]
    changed = not bindings(scope, name) and _is_changed_elsewhere(source, name)
    return changed or any(_may_write(source, each, names) for each in calls)


def _may_write(source: ModuleSource, node: ast.AST, names: set[str], depth: int = 0) -> bool:
    """Whether a call is given a table whole, or a slice of it, by a function that may write to it."""
    if not isinstance(node, ast.Call):
        return False
    given = [each for each in (*node.args, *(one.value for one in node.keywords)) if _is_whole(each, names)]
    if not given or last_name(node.func) in ONLY_READS or _root(node.func) in libraries(source):
        return False
    if isinstance(node.func, ast.Attribute) and trunk_of(node.func.value) in names:
        return False  # a method of the tensor itself: what writes ends in an underscore, and was looked for
    functions = [each for each in ast.walk(source.tree) if isinstance(each, Function)]
    known = [each for each in functions if each.name == last_name(node.func)]
    if isinstance(node.func, ast.Attribute) and not known and node.func.attr in MAKERS:
        return False  # a method of tensors and arrays that makes another one
    if not known or depth >= DEEPEST:
        return True  # it cannot be read here what becomes of it
    return any(_writes(source, each, node, argument, depth) for each in known for argument in given)


def _writes(source: ModuleSource, function: Function, call: ast.Call, argument: ast.expr, depth: int) -> bool:
    """Whether a function writes to the parameter that an argument is given as."""
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    names = [each.arg for each in parameters if given_as(call, function, each.arg) is argument]
    if len(names) != 1:
        return True
    if any(overlap(alias, other) for other in written_into(function) for alias in aliases(function, names[0])):
        return True
    known = _whole_names(function, names[0])
    return any(_may_write(source, each, known, depth + 1) for each in ast.walk(function))


def _whole_names(scope: Scope, trunk: str) -> set[str]:
    """Names that stand for the table, or more than an entry of it: ``view`` after ``view = sigmas.view(-1)``."""
    found = {trunk}
    while True:
        bound = [each for each in within(scope) if isinstance(each, ast.Assign) and _is_whole(each.value, found)]
        more = {dotted(target) or "" for each in bound for target in each.targets} - {""}
        if more <= found:
            return found
        found |= more


def _is_whole(argument: ast.expr, names: set[str]) -> bool:
    """``sigmas``, ``sigmas[i:]``, ``sigmas.view(-1)``; not the entry ``sigmas[i]``, a number that is handed on."""
    if isinstance(argument, ast.Starred):
        return False
    if isinstance(argument, ast.Subscript):
        index = argument.slice
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        return any(isinstance(each, ast.Slice) for each in parts) and _is_whole(argument.value, names)
    if isinstance(argument, ast.List | ast.Tuple):
        return any(_is_whole(each, names) for each in argument.elts)
    if isinstance(argument, ast.Dict):
        return any(_is_whole(each, names) for each in argument.values)
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
        return argument.func.attr in SAME_MEMORY and _is_whole(argument.func.value, names)
    return dotted(argument) in names


def _root(function: ast.expr) -> str:
    return (dotted(function) or "").split(".")[0]
