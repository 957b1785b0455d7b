"""What a step computes on the host of nothing but the loop's variable: known for all steps before the first one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.before_loop.repeatable import MAKERS
from sdprof.fixes.source.reading.before_loop.unchanging import is_bound_by_others, libraries
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import is_invariant
from sdprof.fixes.source.reading.names import (
    Function,
    bindings,
    dotted,
    last_name,
    scope_of,
    statement_of,
    stored_names,
    unpacked,
)
from sdprof.fixes.source.reading.on_device.host_trees import RANDOM
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.plain_functions import is_plain_call
from sdprof.fixes.source.reading.seen import is_tensor
from sdprof.fixes.source.reading.straight_line import binds, block_of, loads_after, stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

EXPRESSIONS = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.expr_context, ast.keyword, ast.Call),
    *(ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.BoolOp, ast.boolop, ast.Compare, ast.cmpop, ast.IfExp),
    *(ast.Tuple, ast.List, ast.ListComp, ast.GeneratorExp, ast.comprehension),
)
BUILTINS = frozenset(
    {"len", "int", "float", "bool", "min", "max", "round", "abs", "range", "list", "tuple", "sum", "zip", "reversed"}
)
_METHODS = "astype tolist item copy numpy ravel clip round mod fmod floor ceil all any index_select gather take"
METHODS = (MAKERS | frozenset(_METHODS.split())) - {"uniform_", "data"}
OF_TORCH = MAKERS | frozenset(
    {"tensor", "as_tensor", "from_numpy", "clip", "where", "minimum", "maximum", "cos", "sin"}
)
OF_TORCH |= frozenset({"Tensor", "FloatTensor", "LongTensor", "DoubleTensor", "outer", "cumprod", "empty_like"})
EFFECTS_IN_NUMPY = frozenset(
    {"copyto", "put", "place", "putmask", "fill_diagonal", "load", "loadtxt", "fromfile", "save", "savez", "savetxt"}
)


class StepValues:
    """Writes an expression of a loop's body such that it can stand in front of the loop, in a comprehension."""

    def __init__(self, frame: Frame, loop: ast.For, entries: Mapping[str, str]) -> None:
        """Read nothing yet.

        :param entries: what to write for variables of the loop.
        """
        self.source: ModuleSource = frame.source
        self.frame = frame
        self.loop = loop
        self.scope = scope_of(frame.source, loop)
        self.variables = stored_names(loop.target)
        self.entries = entries
        self.definitions: list[ast.Assign] = []
        """Assignments of the step whose value was put in place of their name."""

    def text(self, node: ast.expr) -> str:
        """The expression, with what the step names put in its place.

        :raises DeclinedError: it depends on more than the loop's variable, or on what cannot be known before the loop.
        """
        own = {
            name for each in ast.walk(node) if isinstance(each, ast.comprehension) for name in stored_names(each.target)
        }
        self._check(node)
        places = [each for each in _reads(node) if _root(each) not in own]
        latest_first = sorted(places, key=lambda one: self.source.span(one)[0], reverse=True)
        values = [(_root_node(each), self._value(each)) for each in latest_first]
        text = self.source.code_with(node, [(part, value) for part, value in values if value is not None])
        return " ".join(text.split()) if '"' not in text and "'" not in text and "#" not in text else text

    def _check(self, node: ast.expr) -> None:
        for each in ast.walk(node):
            if not isinstance(each, EXPRESSIONS):
                raise DeclinedError(
                    "What the step computes on the host is not made of names, calls and arithmetic alone"
                )
            if isinstance(each, ast.Call) and not self._is_pure(each):
                raise DeclinedError(
                    f"It is not known whether {self.source.code(each.func)} gives the same before the loop"
                )

    def _is_pure(self, call: ast.Call) -> bool:
        name, path = last_name(call.func), dotted(call.func) or ""
        if name in RANDOM or any(each.arg in (None, "out", "generator", "device") for each in call.keywords):
            return False
        if is_torch_call(self.source, call):
            return name in OF_TORCH
        root = path.partition(".")[0]
        if root in libraries(self.source) or root == "math":
            return path.count(".") == 1 and name not in EFFECTS_IN_NUMPY
        if isinstance(call.func, ast.Attribute):
            functions = {each.name for each in ast.walk(self.source.tree) if isinstance(each, Function)}
            return name in METHODS and name not in functions and dotted(call.func.value) not in ("self", "cls")
        return name in BUILTINS or is_plain_call(self.frame.sources, self.source, call)

    def _value(self, read: ast.expr) -> str | None:
        """What a name stands for, as text; None where the name itself may stand in front of the loop."""
        name = _root(read)
        if name in self.variables:
            if any(binds(statement, name) for statement in self.loop.body):
                raise DeclinedError(f"The loop gives its variable {name} another value")
            return self.entries.get(name)
        if name in libraries(self.source) or name == "math":
            return None
        if is_tensor(read, self.frame.values, "cuda"):
            raise DeclinedError(f"{name} lies on the device")
        if not any(binds(statement, name) for statement in self.loop.body):
            if not is_invariant(read, self.loop) or not self._stays(read, name):
                raise DeclinedError(f"The loop may change {self.source.code(read)}")
            return None
        made = self._definition(read, name)
        text = self.text(made)
        alone = isinstance(made, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
        return text if alone or isinstance(self.source.parents[read], ast.Call) else f"({text})"

    def _stays(self, read: ast.expr, name: str) -> bool:
        seen = self.frame.values.get(name)
        if isinstance(read, ast.Name) and seen is not None and seen.kind == "number":
            return not is_bound_by_others(self.source, name)  # nobody who is given a number can change it
        return is_left_alone(self.source, read, self.loop, self.scope)

    def needless(self, node: ast.expr) -> list[ast.stmt]:
        """Assignments of the step that nothing but the expression reads, which is written elsewhere now."""
        found: list[ast.stmt] = []
        inside = {id(each) for each in ast.walk(node)}
        for statement in reversed(self.definitions):
            target = statement.targets[0]
            if len(statement.targets) != 1 or not isinstance(target, ast.Name) or statement in found:
                continue
            loads = [
                each
                for each in ast.walk(self.loop)
                if isinstance(each, ast.Name) and each.id == target.id and isinstance(each.ctx, ast.Load)
            ]
            before = [each for each in loads if each.lineno < statement.lineno]
            after = loads_after(self.source, statement)
            if not before and all(id(each) in inside for each in after) and stands_alone(self.source, statement):
                found.append(statement)
                inside |= {id(each) for each in ast.walk(statement)}
        return found

    def _definition(self, read: ast.expr, name: str) -> ast.expr:
        """What the step gave the name last, in the body of the loop."""
        statement = statement_of(self.source, read)
        block = block_of(self.source, statement)
        if block is not self.loop.body:
            raise DeclinedError(f"{name} is read in a branch")
        for before in reversed(block[: block.index(statement)]):
            if binds(before, name):
                value = unpacked(before, before.value, name) if isinstance(before, ast.Assign) else None
                if value is None or not isinstance(before, ast.Assign):
                    raise DeclinedError(f"{name} is bound in a branch, in a loop or together with other names")
                if before not in self.definitions:
                    self.definitions.append(before)
                return value
        raise DeclinedError(f"{name} has its value from the step before")


@dataclass(frozen=True)
class Walk:
    """How a comprehension in front of the loop runs through the steps, and how a step finds its own item."""

    head: str
    """``i in range(n)``."""
    index: str = ""
    """The place of a step's item in the list; empty where the loop has to run through the list as well."""
    table: str = ""
    """The tensor whose entries the steps take one after the other."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """What to write for a variable of the loop: ``ts[i]`` for ``t`` of ``enumerate(ts)``."""

    def beside(self, source: ModuleSource, loop: ast.For, name: str, items: str) -> list[Replacement]:
        """Let the loop run through the items as well."""
        target, (start, end) = source.code(loop.target), source.span(loop.iter)
        target = f"({target})" if isinstance(loop.target, ast.Tuple) and not target.startswith("(") else target
        return [
            in_place(source, loop.target, f"{target}, {name}"),
            Replacement(start=start, end=start, text="zip("),
            Replacement(start=end, end=end, text=f", {items}, strict=True)"),
        ]


def walk_of(frame: Frame, loop: ast.For) -> Walk:
    """Run through the steps of a loop a second time.


    :raises DeclinedError: what the loop runs through can be run through but once, or another time gives other things.
    """
    source, inner = frame.source, _without_bar(frame.source, loop.iter)
    enumerated = isinstance(inner, ast.Call) and last_name(inner.func) == "enumerate" and len(inner.args) == 1
    items = _without_bar(source, inner.args[0]) if enumerated and isinstance(inner, ast.Call) else inner
    if not _can_be_repeated(frame, items, loop):
        raise DeclinedError("What the loop runs through may be used up by running through it before")
    target, counted = source.code(loop.target), _counted(source, inner)
    if isinstance(loop.target, ast.Name) and counted and not _is_bound_in(loop, loop.target.id):
        return Walk(f"{target} in range({counted})", target)
    if not enumerated:
        return Walk(f"{target} in {source.code(inner)}")
    place = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else None
    if isinstance(loop.target, ast.Tuple) and isinstance(place, ast.Name) and not _is_bound_in(loop, place.id):
        item = loop.target.elts[1]
        if isinstance(item, ast.Name) and dotted(items) is not None:
            table, entry = source.code(items), f"{source.code(items)}[{place.id}]"
            of_tensor = table if is_tensor(items, frame.values) else ""
            return Walk(f"{place.id} in range(len({table}))", place.id, of_tensor, {item.id: entry})
        return Walk(f"{target} in enumerate({source.code(items)})", place.id)
    return Walk(f"{target} in enumerate({source.code(items)})")


def _without_bar(source: ModuleSource, iterable: ast.expr) -> ast.expr:
    """``times`` of ``tqdm(times)``, and of ``steps`` where ``steps = tqdm(times)`` came before."""
    while True:
        bound = bindings(scope_of(source, iterable), iterable.id) if isinstance(iterable, ast.Name) else []
        made = bound[0].value if [each.kind for each in bound] == ["assignment"] else iterable
        if not isinstance(made, ast.Call) or "tqdm" not in last_name(made.func).lower() or not made.args:
            return iterable
        iterable = made.args[0]


def _is_bound_in(loop: ast.For, name: str) -> bool:
    return any(binds(statement, name) for statement in loop.body)


def _counted(source: ModuleSource, node: ast.expr) -> str:
    """``n`` of what runs through 0 to n - 1, forwards or backwards; empty for anything else."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "::-1":
        node = node.value
    while isinstance(node, ast.Call) and last_name(node.func) in ("reversed", "list", "tuple") and len(node.args) == 1:
        node = node.args[0]
    if not isinstance(node, ast.Call) or last_name(node.func) != "range":
        return ""
    given = [ast.unparse(each) for each in node.args]
    if len(given) == 1 or (len(given) == 2 and given[0] == "0"):
        return source.code(node.args[-1])
    last = node.args[0]
    if given[1:] == ["-1", "-1"] and isinstance(last, ast.BinOp) and isinstance(last.op, ast.Sub):
        return source.code(last.left) if ast.unparse(last.right) == "1" else ""
    return ""


def _can_be_repeated(frame: Frame, expression: ast.expr, loop: ast.For) -> bool:
    """Whether it is a range, a list, a tensor or an array, or made of several of these, that the loop leaves alone."""
    source = frame.source
    if isinstance(expression, ast.Call):
        name = last_name(expression.func)
        if not isinstance(expression.func, ast.Name) or expression.keywords:
            return False
        if name == "range":
            return all(is_left_alone(source, each, loop, scope_of(source, loop)) for each in expression.args)
        known = name in ("reversed", "zip", "enumerate", "list", "tuple")
        return known and all(_can_be_repeated(frame, each, loop) for each in expression.args)
    if isinstance(expression, ast.List | ast.Tuple):
        return all(isinstance(each, ast.Constant) for each in expression.elts)
    table = expression.value if isinstance(expression, ast.Subscript) else expression
    if isinstance(table, ast.Call) and isinstance(expression, ast.Subscript):
        return _can_be_repeated(frame, table, loop)
    seen = frame.values.get(dotted(table) or "")
    several = seen is not None and (seen.kind in ("tensor", "array") or seen.type_name in ("list", "tuple", "range"))
    if seen is None or not several or seen.device == "cuda":
        return False
    return is_left_alone(source, expression, loop, scope_of(source, loop), taken_once=seen.kind == "tensor")


def _reads(node: ast.AST) -> list[ast.expr]:
    """The longest names and attribute chains that an expression reads; not the methods that it calls."""
    if isinstance(node, ast.Name | ast.Attribute) and dotted(node) is not None:
        return [node] if isinstance(node.ctx, ast.Load) else []
    parts: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        method = isinstance(node.func, ast.Attribute)
        parts = [*node.args, *node.keywords, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        if not method and isinstance(node.func, ast.Name):
            parts = [*node.args, *node.keywords]
    return [read for part in parts for read in _reads(part)]


def _root_node(read: ast.expr) -> ast.Name:
    while not isinstance(read, ast.Name):
        assert isinstance(read, ast.Attribute)
        read = read.value
    return read


def _root(read: ast.expr) -> str:
    return _root_node(read).id
