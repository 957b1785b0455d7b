"""A tensor that the step makes on the device from what the host knows: the host need not ask the device for it."""

from __future__ import annotations

import ast
import copy

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import before_statement
from sdprof.fixes.source.reading.names import (
    Binding,
    around,
    bindings,
    dotted,
    dotted_reads,
    last_name,
    scope_of,
    stored_names,
    unpacked,
    written_in,
)
from sdprof.fixes.source.reading.number_types import INT, number_type
from sdprof.fixes.source.reading.on_device.host_trees import (
    COMPUTES,
    COUNTS,
    MOVES_DATA,
    PURE,
    REARRANGES,
)
from sdprof.fixes.source.reading.on_device.moves import move_of
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, copy_name, in_place
from sdprof.fixes.source.reading.on_host.host_numbers import NUMBER_FUNCTIONS, NUMBER_MODULES
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword
from sdprof.fixes.source.reading.tensor_leaves import tensor_leaves
from sdprof.model import SeenValue

HOLDS_DATA = frozenset({"tensor", "as_tensor", "from_numpy", "FloatTensor", "LongTensor"})
LIKE = {"new_full": "full", "new_tensor": "tensor", "new_zeros": "zeros", "new_ones": "ones"}
OPERATIONS = (ast.BinOp, ast.UnaryOp)
CASTS = frozenset({"float", "double", "half", "long", "int", "to", "type"})


def made_from_host(frame: Frame, node: ast.expr) -> HostCopy | None:
    """Read ``t``, ``t[0]`` of ``t = torch.full((n,), i, device=d)`` from what it is made of; a whole number is itself.

    None where the name has another origin, where its tensor was written to, or where what it is made of may have
    changed since.
    """
    name = node.value if isinstance(node, ast.Subscript) else node
    if not isinstance(name, ast.Name):
        return None
    parent = frame.source.parents[node]
    index = node.slice if isinstance(node, ast.Subscript) else None
    found = value_on_host(frame, name, index, as_number=not isinstance(parent, ast.Attribute | ast.Subscript))
    if found is None:
        return _kept_as_it_came(frame, name)
    if not isinstance(parent, ast.Compare | ast.Call):
        found = f"({found[0]})" if isinstance(ast.parse(found[0], mode="eval").body, OPERATIONS) else found[0], found[1]
    said = f"{name.id} is made of what the host knows."
    return HostCopy(frame.source.path, [in_place(frame.source, node, found[0])], computes=found[1], said=said)


def _kept_as_it_came(frame: Frame, name: ast.Name) -> HostCopy | None:
    """``n = torch.tensor(n, device=d)`` puts a tensor in place of numbers: ``n_on_host = torch.tensor(n)`` first."""
    source, found = frame.source, reaching(frame.source, name)
    made = found[0].value if found is not None else None
    if not isinstance(made, ast.Call) or last_name(made.func) not in ("tensor", "as_tensor") or found is None:
        return None
    statement, data = found[0].node, made.args[0] if len(made.args) == 1 else None
    placed = {each.arg for each in made.keywords} in ({"device"}, {"device", "dtype"})
    if not is_torch_call(source, made) or not placed or not isinstance(data, ast.Name) or data.id != name.id:
        return None
    wished = copy_name(scope_of(source, name), name)
    if wished is None or not isinstance(statement, ast.Assign) or not stands_alone(source, statement):
        return None
    dtype = keyword(made, "dtype")
    text = f"{source.code(made.func)}({data.id}{'' if dtype is None else f', dtype={source.code(dtype)}'})"
    before = before_statement(source, statement, f"{wished} = {text}")
    said = f"{name.id} is kept as it came to the host."
    return HostCopy(source.path, [before, in_place(source, name, wished)], said=said)


def value_on_host(frame: Frame, name: ast.Name, index: ast.expr | None, *, as_number: bool) -> tuple[str, bool] | None:
    """(text, whether the host computes fractions) of the tensor that a name stands for at its place, or of one entry.

    :param as_number: a Python number will do where the tensor holds whole numbers.
    """
    if index is not None and not isinstance(index, ast.Constant):
        return None
    source = frame.source
    found = reaching(source, name)
    if found is None or found[0].value is None:
        return None
    bound, between = found
    made = unpacked(bound.node, found[0].value, name.id)
    if made is None:
        return None
    own = [each for each in ast.walk(made) if isinstance(each, ast.comprehension)]
    inside = {each for comprehension in own for each in stored_names(comprehension.target)}
    between |= written_in(bound.node) - {name.id, *inside}
    for text, computes in _on_host(frame, made, value_of(name, frame.values), index, as_number=as_number):
        reads = dotted_reads(ast.parse(text))
        if not any(each in between or any(each.startswith(f"{one}.") for one in between) for each in reads):
            return text, computes
    return None


def made_value(
    frame: Frame, made: ast.expr, tensor: SeenValue | None, index: ast.expr | None, *, as_number: bool
) -> tuple[str, bool] | None:
    """The same of an expression that makes a tensor where it stands.

    :param tensor: what was seen of it under the name that it gets.
    """
    if not isinstance(made, ast.Call) or (index is not None and not isinstance(index, ast.Constant)):
        return None
    return next(iter(_on_host(frame, made, tensor, index, as_number=as_number)), None)


def _on_host(
    frame: Frame, made: ast.expr, tensor: SeenValue | None, index: ast.expr | None, *, as_number: bool
) -> list[tuple[str, bool]]:
    """Expressions for the tensor, or one entry, on the host, the plainest first; whether fractions are computed."""
    source = frame.source
    texts: list[tuple[str, bool]] = []
    if as_number and (number := _whole_number(source, made, tensor, index, frame.values)):
        texts.append((number, False))
    is_row = tensor is not None and len(tensor.shape) == 1
    for single in (True, False) if index is not None and is_row else (False,):
        try:
            version = _HostVersion(source, frame.values, single=single)
            text = version.of(made)
        except DeclinedError:
            continue
        entry = f"[{source.code(index)}]" if index is not None and not single else ""
        operation = entry and isinstance(made, OPERATIONS)
        texts.append((f"({text}){entry}" if operation else f"{text}{entry}", version.computes))
    return texts


def reaching(source: ModuleSource, name: ast.Name) -> tuple[Binding, set[str]] | None:
    """The one assignment that a name has its value from where it is read, and what is written to since."""
    bound = bindings(scope_of(source, name), name.id)
    if any(each.kind == "other" for each in bound):
        return None
    for each in reversed(bound):
        if each.kind in ("assignment", "unpacking"):
            between = _written_between(source, each.node, name)
            if between is not None and name.id not in between:
                return each, between
    return None


def _written_between(source: ModuleSource, assignment: ast.AST, read: ast.expr) -> set[str] | None:
    """What is bound or written to between an assignment and a read; None unless the one comes before the other."""
    block = source.parents[assignment]
    path = [read, *around(source, read, scope_of(source, read))]
    if block not in path or not isinstance(assignment, ast.Assign) or len(assignment.targets) != 1:
        return None
    path = path[: path.index(block) + 1]
    written: set[str] = set()
    begun = False
    for outer, inner in list(zip(path[1:], path[:-1], strict=True))[::-1]:
        for statements in (each for each in vars(outer).values() if isinstance(each, list)):
            if inner in statements and isinstance(inner, ast.stmt):
                first = statements.index(assignment) + 1 if outer is block and assignment in statements else 0
                begun |= outer is block and 0 < first <= statements.index(inner)
                for statement in statements[first : statements.index(inner)]:
                    written |= written_in(statement)
        if outer is not block and isinstance(outer, ast.stmt) and not isinstance(outer, ast.If | ast.Assign):
            written |= written_in(outer)  # a loop may come round, and what else a statement does is not looked at
        elif isinstance(outer, ast.If) and outer is not block:
            written |= written_in(outer.test)
        elif isinstance(outer, ast.Assign):
            written |= written_in(outer.value)
    return written if begun else None


class _HostVersion:
    """The same expression with its tensors on the host."""

    def __init__(self, source: ModuleSource, values: Values, *, single: bool) -> None:
        self.source = source
        self.values = values
        self.single = single
        """Of a row of equal elements, one: a tensor without dimensions."""
        self.computes = False
        """A tensor of fractions is computed, not only made."""

    def of(self, node: ast.expr) -> str:
        """The text of it.

        :raises DeclinedError: a part of it lies on the device, is drawn, or is not known to have no effect.
        """
        return ast.unparse(self._of(node))

    def _of(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            return self._of_call(node)
        if isinstance(node, ast.BinOp):
            self.computes |= not self._is_known(node)
            return ast.BinOp(self._of(node.left), node.op, self._of(node.right))
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self._of(node.operand))
        if self._is_known(node):
            return node
        raise DeclinedError(f"{self.source.code(node)} is not known to the host")

    def _of_call(self, call: ast.Call) -> ast.expr:
        name = last_name(call.func)
        if is_torch_call(self.source, call) and name in MOVES_DATA | COUNTS | COMPUTES | HOLDS_DATA:
            self.computes |= name in COMPUTES
            return self._one_of(name, self._without_device(call))
        if isinstance(call.func, ast.Attribute):
            owner = call.func.value
            if name in LIKE and value_of(owner, self.values) is not None:
                made = self._without_device(call)
                made.func = ast.Attribute(ast.Name("torch"), LIKE[name])
                if keyword(call, "dtype") is None:
                    made.keywords.append(ast.keyword("dtype", ast.Attribute(owner, "dtype")))
                return self._one_of(LIKE[name], made)
            if name in ("to", "cuda") and not self._casts(call):
                move = move_of(self.source, call, self.values)
                if move.dtype_text is None:
                    return self._of(move.host)
                cast = ast.parse(move.dtype_text, mode="eval").body
                return ast.Call(ast.Attribute(self._of(move.host), "to"), [cast], [])
            if name in (CASTS if self.single else PURE) and all(map(self._is_known, call.args)) and not call.keywords:
                self.computes |= name not in REARRANGES | CASTS
                return ast.Call(ast.Attribute(self._of(owner), name), call.args, [])
        if self._is_known(call):
            return call
        raise DeclinedError(f"{self.source.code(call)} is not known to the host")

    def _without_device(self, call: ast.Call) -> ast.Call:
        made = copy.copy(call)
        made.keywords = [each for each in call.keywords if each.arg != "device"]
        given = [*made.args, *(each.value for each in made.keywords)]
        if self.single:
            given = [each for each in given if not isinstance(each, ast.Tuple)]
        if not all(map(self._is_known, given)) or any(each.arg in (None, "out") for each in call.keywords):
            raise DeclinedError("What the tensor is made of is not known to the host")
        return made

    def _one_of(self, name: str, made: ast.Call) -> ast.Call:
        """``full((), i)`` of ``full((n,), i)``, ``tensor(i)`` of ``tensor([i] * n)``."""
        if not self.single:
            return made
        first = made.args[0] if made.args else None
        if name == "tensor" and isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult):
            first = first.left
        if name == "tensor" and isinstance(first, ast.List) and len(first.elts) == 1:
            made.args = [first.elts[0]]
        elif name in ("full", "ones", "zeros") and len(made.args) == (2 if name == "full" else 1):
            made.args = [ast.Tuple([], ast.Load()), *made.args[1:]]
        else:
            raise DeclinedError("Its elements are not all the same")
        return made

    def _casts(self, call: ast.Call) -> bool:
        """``.to(torch.float32)`` moves nothing."""
        given = [*call.args, *(each.value for each in call.keywords)]
        return len(given) == 1 and (dotted(given[0]) or "").startswith(("torch.float", "torch.int", "torch.bfloat"))

    def _is_known(self, node: ast.expr) -> bool:
        """Whether the host has it without asking, and asking has no effect."""
        for each in ast.walk(node):
            if isinstance(each, ast.Call):
                owner = last_name(each.func.value) if isinstance(each.func, ast.Attribute) else ""
                if last_name(each.func) not in NUMBER_FUNCTIONS | {"range"} and owner not in NUMBER_MODULES:
                    return False
            elif isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Lambda | ast.Starred):
                return False
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node) in self.values:
            return is_tensor(node, self.values, "cuda") is False
        return not any(is_tensor(leaf, self.values, "cpu") is not True for leaf in tensor_leaves(node, self.values))


def _whole_number(
    source: ModuleSource, made: ast.expr, tensor: SeenValue | None, index: ast.expr | None, values: Values
) -> str | None:
    """``i``, where a tensor of whole numbers is filled with it and one of them is read, or the only one."""
    filled = _filled_with(made)
    if tensor is None or filled is None or not tensor.dtype.startswith("int"):
        return None
    alone = index is not None or all(size == 1 for size in tensor.shape)
    return source.code(filled) if alone and number_type(source, filled, values) == INT else None


def _filled_with(made: ast.expr) -> ast.expr | None:
    """``i`` of ``torch.full(shape, i)``, ``torch.tensor([i] * n)`` and ``torch.tensor([i])``."""
    while isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute) and made.func.attr in ("to", "cuda"):
        made = made.func.value
    if not isinstance(made, ast.Call) or not made.args:
        return None
    if last_name(made.func) == "full":
        return made.args[1] if len(made.args) == 2 else None
    data = made.args[0] if last_name(made.func) in ("tensor", "LongTensor") else None
    if isinstance(data, ast.BinOp) and isinstance(data.op, ast.Mult):
        data = data.left
    single = isinstance(data, ast.List) and len(data.elts) == 1 and not isinstance(data.elts[0], ast.Starred)
    return data.elts[0] if single and isinstance(data, ast.List) else None
