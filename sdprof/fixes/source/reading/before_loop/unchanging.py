"""What an expression reads, and whether a loop leaves it as it was: under no name is it bound anew or written to."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.shared_result import CONTAINERS, VIEWS
from sdprof.fixes.source.reading.calls import given_as, is_plain
from sdprof.fixes.source.reading.loops import LoopStatement, is_bound_before
from sdprof.fixes.source.reading.names import (
    Function,
    Scope,
    bindings,
    dotted,
    is_in_place,
    last_name,
    stored_names,
    within,
)

CHANGING = frozenset(
    {"append", "pop", "insert", "extend", "update", "clear", "remove", "sort", "reverse", "setdefault", "popitem"}
)
SIZES = frozenset({"size", "dim", "numel", "len", "stride"})
LIBRARIES = frozenset({"torch", "numpy", "math", "einops"})
OF_SIZE = frozenset({"shape", "device", "dtype", "ndim", "layout"})
PLAIN = (
    ast.List,
    ast.Tuple,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.IfExp,
    ast.BoolOp,
    ast.Slice,
    ast.Starred,
    ast.Dict,
)


def reads_of(source: ModuleSource, expression: ast.expr, *, entries: bool = False) -> list[ast.expr]:
    """The names, attributes and sizes that decide the value of an expression, each once; not those of libraries.

    Of ``c.repeat(x.shape[0], 1)`` that is ``c`` and ``x.shape[0]``, of ``cond["c"][i]`` it is ``cond`` and ``i``.

    :param entries: let ``cond["c"][i]`` be one that decides.
    :raises DeclinedError: it is not made of names, calls and arithmetic alone.
    """
    found = {source.code(each): each for each in _reads(expression, entries)}
    known = libraries(source)
    return [each for each in found.values() if _root(each) not in known]


def _reads(node: ast.expr, entries: bool) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant):
        return
    if is_path(node, entries=entries) or is_size(node):
        yield node
    elif isinstance(node, ast.Attribute):
        yield from _reads(node.value, entries)
    elif isinstance(node, ast.Subscript):
        yield from _reads(node.value, entries)
        yield from _reads(node.slice, entries)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield from _reads(node.func.value, entries)
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            yield from _reads(each, entries)
    elif isinstance(node, PLAIN):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                yield from _reads(part, entries)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        bound = {name for each in node.generators for name in stored_names(each.target)}
        parts = [node.elt, *(part for each in node.generators for part in (each.iter, *each.ifs))]
        yield from (read for part in parts for read in _reads(part, entries) if _root(read) not in bound)
    else:
        raise DeclinedError("The expression is not made of names, calls and arithmetic alone")


def is_path(node: ast.expr, *, entries: bool = True) -> bool:
    """``c``, ``guidance.unconditional``; with entries ``cond["c"][i].context``, but no part of a tensor, ``c[:1]``."""
    if isinstance(node, ast.Subscript):
        index = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
        plain = isinstance(index, ast.Constant | ast.Name | ast.Attribute)
        return entries and plain and is_path(node.value)
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and is_path(node.value, entries=entries))


def is_size(node: ast.expr) -> bool:
    """``x.shape[0]``, ``x.size(0)``, ``len(x)``: numbers, whatever the values in ``x`` are."""
    if isinstance(node, ast.Subscript):
        constant = all(
            isinstance(each, ast.Constant | ast.Slice | ast.UnaryOp | ast.USub) for each in ast.walk(node.slice)
        )
        return isinstance(node.value, ast.Attribute) and node.value.attr == "shape" and is_path(node.value) and constant
    if not isinstance(node, ast.Call) or node.keywords or last_name(node.func) not in SIZES:
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else node.args[0] if len(node.args) == 1 else node
    others = node.args if isinstance(node.func, ast.Attribute) else []
    return is_path(owner) and all(isinstance(each, ast.Constant) for each in others)


def _root(node: ast.AST) -> str:
    """The plain name that a path begins with."""
    while not isinstance(node, ast.Name):
        node = next(iter(ast.iter_child_nodes(node))) if not isinstance(node, ast.Call) else _owner(node)
    return node.id


def _owner(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.args[0]


@functools.lru_cache(maxsize=16)
def libraries(source: ModuleSource) -> set[str]:
    """By which names a file calls torch, numpy and their like: what is read of these is no variable."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            named = [(each.asname or each.name, each.name) for each in node.names]
            found |= {name.split(".")[0] for name, module in named if module.split(".")[0] in LIBRARIES}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            found |= {each.asname or each.name for each in node.names if each.name in ("nn", "functional")}
    return found


@dataclass(frozen=True)
class Read:
    """Something that decides the value of an expression, by the names of some function."""

    code: str
    trunk: str
    """The dotted name that it takes its value from; empty for a constant."""
    of_device: bool = False
    """``x.device``: a tensor that is made anew stays where it is."""


def read_by(source: ModuleSource, expression: ast.expr, names: Mapping[str, str] | None = None) -> list[Read]:
    """What decides the value of an expression.

    :param names: by which paths another function calls what its names stand for; a constant is no path.
    """
    found = []
    for each in reads_of(source, expression):
        code, trunk = source.code(each), trunk_of(each)
        root, dot, rest = trunk.partition(".")
        called = (names or {}).get(root, root)
        path = f"{called}{dot}{rest}" if called.replace(".", "").isidentifier() else ""
        of_device = isinstance(each, ast.Attribute) and each.attr == "device" and path.count(".") == 0
        found.append(Read(code if called == root else path or called, path, of_device))
    return found


def check_unchanging(
    source: ModuleSource,
    reads: Iterable[Read],
    loop: LoopStatement,
    scope: Scope,
    others: Sequence[ModuleSource] = (),
) -> None:
    """All that is read is there before the loop, and after each iteration as it was.

    That is told from the text alone: what had the same content in one run may be another thing in the next.

    :param others: further files whose functions the loop calls.
    :raises DeclinedError: something is not.
    """
    if any(isinstance(each, ast.Yield | ast.YieldFrom | ast.Await) for each in ast.walk(loop)):
        raise DeclinedError("The loop hands over to others in between, who may write to it")
    region: list[ast.AST] = [loop, *(each for each in within(scope) if isinstance(each, Function))]
    bound_there = {name for each in region for name in rebound(each)}
    written = {name for each in region for name in written_into(each)}
    for each in reads:
        name = each.trunk.split(".")[0]
        bound = bindings(scope, name)
        if bound and not is_bound_before(source, scope, name, loop):
            raise DeclinedError(f"{name} is not bound before the loop")
        if each.of_device:
            continue
        if any(overlap(each.trunk, other) for other in bound_there):
            raise DeclinedError(f"{name} is bound in the loop: {each.code} may be another one in the next step")
        if any(overlap(alias, other) for alias in aliases(scope, each.trunk) for other in written):
            raise DeclinedError(f"The loop writes to {each.code}")
        if is_bound_by_others(source, name):
            raise DeclinedError(f"{name} is bound by other functions as well")
        attributes = set(each.trunk.split(".")[1:])
        if attributes & changed_by_calls(source, loop, others) or (
            attributes and is_handed_on(source, loop, name, others)
        ):
            raise DeclinedError(f"A function that the loop calls may bind {each.code}, or computes it")


def check_left_alone(source: ModuleSource, reads: Iterable[Read], function: Function) -> None:
    """A function binds nothing of what is read, and writes to none of it.

    :raises DeclinedError: it may.
    """
    bound_there, written = {*rebound(function)}, {*written_into(function)}
    for each in reads:
        changed = any(overlap(each.trunk, other) for other in bound_there) or any(
            overlap(alias, other) for alias in aliases(function, each.trunk) for other in written
        )
        if changed or is_bound_by_others(source, each.trunk.split(".")[0]):
            raise DeclinedError(f"{function.name} may bind {each.code}, or write to it")


def trunk_of(node: ast.AST) -> str:
    """The dotted name that an expression takes its value from: ``c.x`` of ``c.x[0].view(-1)``; empty without any."""
    name = dotted(node)
    if name is not None:
        owner, _, last = name.rpartition(".")
        return owner if owner and last in OF_SIZE | VIEWS else name
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        return trunk_of(node.value)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and dotted(node.func.value) not in ("torch", "th", "F"):
            return trunk_of(node.func.value)
        return trunk_of(node.args[0]) if node.args else ""
    return ""


def overlap(one: str, other: str) -> bool:
    """Whether two dotted names are the same, or one is part of the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def rebound(node: ast.AST) -> Iterator[str]:
    """Dotted names that something under ``node`` binds, without what lies in them."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Store | ast.Del):
            yield dotted(each) or trunk_of(each)
        elif isinstance(each, ast.Global | ast.Nonlocal):
            yield from each.names
        elif isinstance(each, ast.Call) and last_name(each.func) in ("setattr", "delattr") and each.args:
            yield trunk_of(each.args[0])


def written_into(node: ast.AST) -> Iterator[str]:
    """Dotted names whose content something under ``node`` changes: ``x[0] =``, ``x += 1``, ``x.view(-1).add_(1)``."""
    for each in ast.walk(node):
        changed: list[ast.expr] = []
        if isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store | ast.Del):
            changed = [each.value]
        elif isinstance(each, ast.AugAssign):
            changed = [each.target]
        elif isinstance(each, ast.Call):
            changed = _changed_by(each)
        for part in changed:
            yield from filter(None, map(trunk_of, part.elts if isinstance(part, ast.List | ast.Tuple) else [part]))


def _changed_by(call: ast.Call) -> list[ast.expr]:
    """What a call writes to, by its name and arguments."""
    name, owner = last_name(call.func), call.func.value if isinstance(call.func, ast.Attribute) else None
    changed = [each.value for each in call.keywords if each.arg == "out"]
    if any(each.arg == "inplace" and getattr(each.value, "value", True) for each in call.keywords):
        changed += call.args
    if is_in_place(name) or name in CHANGING:
        changed += call.args if is_in_place(name) else []  # what a list takes in stays as it is
        changed += [owner] if owner is not None else []
    return changed


def aliases(scope: Scope, trunk: str) -> set[str]:
    """Names that may stand for the same memory: ``m`` and ``mask`` after ``m = mask[0]`` or ``for m in mask``."""
    found = {trunk}
    while True:
        more: set[str] = set()
        for each in within(scope):
            if isinstance(each, ast.Assign | ast.AnnAssign | ast.NamedExpr) and each.value is not None:
                targets = each.targets if isinstance(each, ast.Assign) else [each.target]
                value = each.value
            elif isinstance(each, ast.For):
                targets, value = [each.target], each.iter
            else:
                continue
            shared = {*_shared_by(value)}
            names = {name for target in targets for name in stored_names(target) or {trunk_of(target)}}
            if any(overlap(one, known) for one in shared | names for known in found) and shared:
                more |= shared | names
        if more <= found:
            return found
        found |= more


def _shared_by(value: ast.expr) -> Iterator[str]:
    """The names whose memory an expression may hand out."""
    if isinstance(value, ast.Call):
        name = last_name(value.func)
        if name in VIEWS | CONTAINERS | {"items", "values", "get"}:
            owner = value.func.value if isinstance(value.func, ast.Attribute) else None
            parts = [*value.args, *(each.value for each in value.keywords)]
            if owner is not None and dotted(owner) not in ("torch", "th", "F"):
                parts = [owner]  # x.to(like.device): the others tell how, not what
            yield from (each for part in parts for each in _shared_by(part))
    elif isinstance(value, ast.List | ast.Tuple):
        yield from (each for part in value.elts for each in _shared_by(part))
    elif isinstance(value, ast.Dict):
        yield from (each for part in value.values for each in _shared_by(part))
    elif isinstance(value, ast.IfExp):
        yield from (each for part in (value.body, value.orelse) for each in _shared_by(part))
    elif isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Starred):
        yield trunk_of(value)


def is_bound_by_others(source: ModuleSource, name: str) -> bool:
    """Whether a function of the file declares a name of those around it as one that it binds."""
    return any(isinstance(each, ast.Global | ast.Nonlocal) and name in each.names for each in ast.walk(source.tree))


def changed_by_calls(source: ModuleSource, loop: LoopStatement, others: Sequence[ModuleSource] = ()) -> set[str]:
    """Attributes that functions of these files bind or write into, or are, which the loop calls, directly or not."""
    properties = {each.name for each in _functions((source, *others)) if each.decorator_list}
    names = {name for each in called_by(source, loop, others) for name in (*rebound(each), *written_into(each))}
    return properties | {name.rpartition(".")[2] for name in names if "." in name}


def is_handed_on(source: ModuleSource, loop: LoopStatement, name: str, others: Sequence[ModuleSource] = ()) -> bool:
    """Whether a function that cannot be read here gets hold of an object, and may bind its attributes."""
    sources = (source, *others)
    here = {each.name for each in _functions(sources)}
    stored = (each for one in sources for each in ast.walk(one.tree) if isinstance(each, ast.Attribute))
    here |= {each.attr for each in stored if isinstance(each.ctx, ast.Store)}  # an object that is kept, no method
    waiting: list[tuple[ast.AST, str]] = [(loop, name)]
    waiting += [(each, name) for each in (called_by(source, loop, others) if name == "self" else ())]
    looked_at: set[tuple[ast.AST, str]] = set()
    while waiting:
        region, known_as = waiting.pop()
        if (region, known_as) in looked_at:
            continue
        looked_at.add((region, known_as))
        for each in ast.walk(region):
            if not isinstance(each, ast.Call):
                continue
            if (
                isinstance(each.func, ast.Attribute)
                and dotted(each.func.value) == known_as
                and last_name(each.func) not in here
            ):
                return True
            given = [*each.args, *(argument.value for argument in each.keywords)]
            if any(dotted(argument) == known_as for argument in given):
                received = _received(_functions(sources), each, known_as)
                if received is None:
                    return True
                waiting += received
    return False


def _received(functions: list[Function], call: ast.Call, name: str) -> list[tuple[ast.AST, str]] | None:
    """Those of some functions that a call may mean, each with its name for what the call hands over."""
    found: list[tuple[ast.AST, str]] = []
    for function in functions:
        if function.name != last_name(call.func):
            continue
        if not is_plain(call) or function.args.vararg is not None or function.args.kwarg is not None:
            return None
        order = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        found += [
            (function, each.arg)
            for each in order
            if (given := given_as(call, function, each.arg)) is not None and dotted(given) == name
        ]
    return found or None


def called_by(source: ModuleSource, loop: LoopStatement, others: Sequence[ModuleSource] = ()) -> list[Function]:
    """The functions of these files that the loop calls, directly or not, by their names."""
    functions = [each for each in _functions((source, *others)) if each.name != "__init__"]
    called, waiting = set[str](), _called_in(loop)
    while waiting:
        called |= waiting
        waiting = {name for each in functions if each.name in waiting for name in _called_in(each)} - called
    return [each for each in functions if each.name in called]


def _functions(sources: Sequence[ModuleSource]) -> list[Function]:
    return [each for source in sources for each in ast.walk(source.tree) if isinstance(each, Function)]


def _called_in(node: ast.AST) -> set[str]:
    return {last_name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
