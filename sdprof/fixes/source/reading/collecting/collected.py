"""What a loop collects step by step: into a list, into a list of a dictionary, or under keys."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import with_argument
from sdprof.fixes.source.reading.imports import imported
from sdprof.fixes.source.reading.loops import LoopStatement, loops_around
from sdprof.fixes.source.reading.names import (
    bindings,
    dotted,
    last_name,
    read_in,
    scope_of,
    statement_of,
    unpacked,
    within,
    written_in,
)
from sdprof.fixes.source.reading.straight_line import block_of
from sdprof.fixes.source.reading.tensor_calls import keyword

LIBRARIES = frozenset({"numpy", "torch", "einops", "PIL", "torchvision"})
"""What they make of a result depends on nothing but the result: they may make it later."""
EFFECTS = frozenset({"sort", "fill", "itemset", "put", "resize", "tofile", "dump", "setflags", "partition", "save"})


@dataclass(frozen=True)
class Collected:
    """Where a result goes to."""

    into: Literal["list", "keys"]
    container: str
    """``xs``, or ``results["xs"]``."""
    name: str
    """The name that the container is reached by."""
    key: str | None
    """Of a list in a dictionary."""
    value: ast.expr
    """What is collected: the result, and what is made of it."""
    within: ast.Tuple | ast.Dict | None = None
    """What it is collected in together with others: ``(i, result)``, ``{"step": i, "x": result}``."""

    def access(self, item: str) -> str:
        """Where a collected item holds the result."""
        if isinstance(self.within, ast.Tuple):
            return f"{item}[{self.within.elts.index(self.value)}]"
        if isinstance(self.within, ast.Dict):
            return f"{item}[{ast.unparse(self._key())}]"
        return item

    def rebuilt(self, item: str, made: str) -> str:
        """The text of an item with ``made`` in place of the result that it held."""
        if isinstance(self.within, ast.Tuple):
            parts = [made if each is self.value else f"{item}[{k}]" for k, each in enumerate(self.within.elts)]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(self.within, ast.Dict):
            return f"{{**{item}, {ast.unparse(self._key())}: {made}}}"
        return made

    def _key(self) -> ast.expr:
        assert isinstance(self.within, ast.Dict)
        key = self.within.keys[self.within.values.index(self.value)]
        assert key is not None
        return key


def collected_in(source: ModuleSource, result: ast.expr, loop: LoopStatement) -> Collected | None:
    """``xs.append(f(result))``, ``xs += [f(result)]``, ``results["xs"].append(…)`` and ``frames[i] = f(result)``.

    None where the result goes elsewhere, or where ``f`` is not known to depend on nothing but it.
    """
    value = result
    while True:
        parent = source.parents[value]
        if _holds_plainly(parent, value) and isinstance(parent, ast.Tuple | ast.Dict):
            around = collected_in(source, parent, loop)
            return None if around is None or around.value is not parent else replace(around, value=value, within=parent)
        if isinstance(parent, ast.Call) and parent.args == [value] and last_name(parent.func) == "append":
            owner = parent.func.value if isinstance(parent.func, ast.Attribute) else None
            if isinstance(source.parents[parent], ast.Expr) and owner is not None:
                return _list(source, owner, value)
        statement = source.parents[parent] if isinstance(parent, ast.List) and parent.elts == [value] else None
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
            return _list(source, statement.target, value)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Subscript):
            owner = parent.targets[0].value
            return Collected("keys", owner.id, owner.id, None, value) if isinstance(owner, ast.Name) else None
        step = _made_of(source, parent, value, loop)
        if step is None:
            return None
        value = step


def _holds_plainly(display: ast.AST, value: ast.expr) -> bool:
    if isinstance(display, ast.Tuple):
        return value in display.elts and not any(isinstance(each, ast.Starred) for each in display.elts)
    if not isinstance(display, ast.Dict) or value not in display.values:
        return False
    return all(isinstance(each, ast.Constant) for each in display.keys)


def _list(source: ModuleSource, owner: ast.expr, value: ast.expr) -> Collected | None:
    if isinstance(owner, ast.Name):
        return Collected("list", owner.id, owner.id, None, value)
    if isinstance(owner, ast.Subscript) and isinstance(owner.value, ast.Name) and isinstance(owner.slice, ast.Constant):
        return Collected("list", source.code(owner), owner.value.id, str(owner.slice.value), value)
    return None


def _made_of(source: ModuleSource, parent: ast.AST, value: ast.expr, loop: LoopStatement) -> ast.expr | None:
    """The larger expression, where it does no more to a value than compute with it."""
    if isinstance(parent, ast.Attribute):
        call = source.parents[parent]
        if not isinstance(call, ast.Call) or call.func is not parent:
            return None
        given = [*call.args, *(each.value for each in call.keywords)]
        pure = not parent.attr.endswith("_") and parent.attr not in EFFECTS
        return call if pure and _are_settled(source, given, loop) else None
    if isinstance(parent, ast.BinOp):
        other = parent.right if parent.left is value else parent.left
        return parent if _are_settled(source, [other], loop) else None
    if isinstance(parent, ast.UnaryOp):
        return parent
    if isinstance(parent, ast.Subscript) and parent.value is value:
        return parent if _are_settled(source, [parent.slice], loop) else None
    if isinstance(parent, ast.Call) and value in parent.args:
        root = (dotted(parent.func) or "").split(".")[0]
        given = [each for each in (*parent.args, *(one.value for one in parent.keywords)) if each is not value]
        pure = root in library_names(source) and last_name(parent.func) not in EFFECTS
        return parent if pure and _are_settled(source, given, loop) else None
    return None


def _are_settled(source: ModuleSource, given: list[ast.expr], loop: LoopStatement) -> bool:
    """Whether expressions have the same value behind the loop as in it."""
    written = {name.split(".")[0] for name in written_in(loop)}
    libraries = library_names(source)
    for each in given:
        if any(isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for part in ast.walk(each)):
            return False
        calls = [part for part in ast.walk(each) if isinstance(part, ast.Call)]
        if any((dotted(call.func) or "").split(".")[0] not in libraries for call in calls):
            return False
        if read_in(each) & written:
            return False
    return True


def library_names(source: ModuleSource) -> set[str]:
    """Names of a module that its import statements take from libraries without a state."""
    return {name for name, path in imported(source).items() if path.partition(".")[0] in LIBRARIES}


def length_before(source: ModuleSource, loop: LoopStatement, collected: Collected) -> int:
    """How much is collected already when the loop begins.

    :raises DeclinedError: that cannot be told.
    """
    name = collected.name
    bound = [each for each in bindings(scope_of(source, loop), name) if not isinstance(each.node, ast.AugAssign)]
    again = loops_around(source, loop, scope_of(source, loop))
    if bound and all(bound[0].node in ast.walk(each) for each in again):  # later its name may stand for another one
        bound = [each for each in bound if getattr(each.node, "lineno", 0) <= (loop.end_lineno or 0)]
    made = unpacked(bound[0].node, bound[0].value, name) if len(bound) == 1 and bound[0].value is not None else None
    if collected.key is not None and isinstance(made, ast.Dict):
        keys = [each.value if isinstance(each, ast.Constant) else None for each in made.keys]
        made = made.values[keys.index(collected.key)] if collected.key in keys else None
    empty = isinstance(made, ast.Dict) and not made.keys
    if collected.into == "keys" and not empty:
        raise DeclinedError(f"It is not seen that {name} is a dictionary that this function makes")
    if collected.into == "list" and (
        not isinstance(made, ast.List) or any(isinstance(each, ast.Starred) for each in made.elts)
    ):
        raise DeclinedError(f"It is not seen that {collected.container} is a list that this function makes")
    if getattr(bound[0].node, "lineno", loop.lineno) >= loop.lineno:
        raise DeclinedError(f"{name} is made anew in the loop")
    before = len(list(filled_before(source, loop, collected, bound[0].node)))
    return before + (len(made.elts) if isinstance(made, ast.List) else 0)


def filled_before(
    source: ModuleSource, loop: LoopStatement, collected: Collected, bound: ast.AST
) -> Iterator[ast.stmt]:
    """Each entry that is put into the list between its making and the loop, in the block of both."""
    block = block_of(source, loop)
    between = block[block.index(bound) + 1 : block.index(loop)] if bound in block else []
    for each in between:
        call = each.value if isinstance(each, ast.Expr) else None
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append"):
            continue
        if source.code(call.func.value) == collected.container and not isinstance(call.args[0], ast.Starred):
            yield each


def outermost(source: ModuleSource, loop: LoopStatement, name: str) -> LoopStatement:
    """The loop behind which all is collected: of those around one, the last that the collection is not made in."""
    scope = scope_of(source, loop)
    for outer in loops_around(source, loop, scope):
        if any(each.node in ast.walk(outer) for each in bindings(scope, name) if each.kind != "other"):
            break
        loop = outer
    return loop


def taken_back(
    source: ModuleSource,
    loop: LoopStatement,
    collected: Collected,
    alike: Callable[[ast.expr], Replacement | None] = lambda _value: None,
    *,
    counted: bool = False,
) -> list[Replacement]:
    """What has to change where entries go back to a device, and where others are filled in up to the loop's end.

    :param alike: what becomes of a value that is filled in elsewhere; None where it is of another kind.
    :param counted: what is in the list when the loop begins is counted there, so it stays as it is.
    :raises DeclinedError: there is another use.
    """
    scope, changes = scope_of(source, loop), list[Replacement]()
    own = list(within(scope))
    made = [each.node for each in bindings(scope, collected.name) if not isinstance(each.node, ast.AugAssign)]
    before = {id(part) for each in filled_before(source, loop, collected, made[0]) for part in ast.walk(each)}
    for each in ast.walk(scope):
        if not (isinstance(each, ast.Name) and each.id == collected.name) or isinstance(each.ctx, ast.Del):
            continue
        if isinstance(each.ctx, ast.Store) and not isinstance(source.parents[each], ast.AugAssign):
            continue
        if each not in own:
            raise DeclinedError(f"A nested function may look at {collected.name}")
        if (
            each.lineno > (loop.end_lineno or loop.lineno)
            or id(each) in before
            or (counted and each.lineno < loop.lineno)
        ):
            continue
        filled = _fill(source, each, collected)
        if filled is None:
            changes.append(_own_copy(source, each, collected))
        elif filled and collected.value not in ast.walk(statement_of(source, each)):
            value = _filled_value(source, each)
            change = alike(value) if value is not None else None
            if change is None:
                raise DeclinedError(f"{collected.container} is filled in several places")
            changes.append(change)
    return changes


def _filled_value(source: ModuleSource, use: ast.Name) -> ast.expr | None:
    """``x`` of ``xs.append(x)`` and ``xs += [x]``."""
    statement = statement_of(source, use)
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        return value.args[0]
    return value.elts[0] if isinstance(value, ast.List) and len(value.elts) == 1 else None


def _fill(source: ModuleSource, use: ast.Name, collected: Collected) -> int | None:
    """1 where this use adds to what is collected, 0 where it adds to another list beside it, None elsewhere."""
    place: ast.expr = use
    mine = collected.key is None
    parent = source.parents[use]
    if collected.key is not None or collected.into == "keys":
        if not (isinstance(parent, ast.Subscript) and parent.value is use):
            return None
        if collected.into == "keys":
            return 1 if isinstance(parent.ctx, ast.Store) else None
        mine = isinstance(parent.slice, ast.Constant) and str(parent.slice.value) == collected.key
        place, parent = parent, source.parents[parent]
    added = isinstance(parent, ast.Attribute) and parent.attr == "append" and parent.value is place
    joined = isinstance(parent, ast.AugAssign) and parent.target is place and isinstance(parent.op, ast.Add)
    return int(mine) if added or joined else None


def _own_copy(source: ModuleSource, use: ast.Name, collected: Collected) -> Replacement:
    """``xs[-1].to(device)`` → ``xs[-1].to(device, copy=True)``: a tensor of its own, as before."""
    entry = source.parents[use]
    attribute = source.parents[entry] if isinstance(entry, ast.Subscript) and entry.value is use else None
    call = source.parents[attribute] if isinstance(attribute, ast.Attribute) and attribute.attr == "to" else None
    plain = collected.key is None and collected.into == "list"
    if not plain or not isinstance(call, ast.Call) or keyword(call, "copy") is not None or not call.args:
        raise DeclinedError(f"The loop looks at what {collected.name} holds")
    return with_argument(source, call, "copy=True")
