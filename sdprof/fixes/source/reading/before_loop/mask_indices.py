"""Indices of what a mask selects, found before a loop that leaves the mask as it is."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement, changes_elsewhere
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.left_alone import may_be_written
from sdprof.fixes.source.reading.before_loop.made_for_step import LONGEST_LINE, Term, hand_down, named_by_caller
from sdprof.fixes.source.reading.before_loop.repeatable import check_repeatable
from sdprof.fixes.source.reading.before_loop.shared_result import check_shared
from sdprof.fixes.source.reading.before_loop.unchanging import (
    Read,
    aliases,
    check_unchanging,
    libraries,
    overlap,
    written_into,
)
from sdprof.fixes.source.reading.before_loop.way_by_stack import way_by_stack
from sdprof.fixes.source.reading.before_loop.way_from_loop import Stage
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.calls import LONGEST_ROW
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, statements_before_loop
from sdprof.fixes.source.reading.names import (
    Function,
    around,
    bindings,
    dotted,
    is_free,
    last_name,
    read_in,
    statement_of,
    unpacked,
    within,
)
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.made_from_host import reaching
from sdprof.fixes.source.reading.tensor_calls import is_torch_call
from sdprof.fixes.source.reading.tests_between import tests_between

_OF_TRUTH = "bool isnan isfinite isinf isin eq ne lt le gt ge logical_not logical_and logical_or logical_xor"
OF_TRUTH = frozenset(_OF_TRUTH.split())
MODES = frozenset({"no_grad", "enable_grad", "inference_mode", "autocast"})
"""Decorators that change nothing of a mask, nor of what a function is given."""
LOOKED_UP = frozenset({"nonzero", "argwhere", "where"})
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
INDICES = "tuple[torch.Tensor, ...] | torch.Tensor | None"


@dataclass(frozen=True)
class Mask:
    """A mask as it stands between brackets."""

    node: ast.expr
    alone: bool
    """Not between slices and numbers, as in ``x[:, mask]``, where one index of a mask with one dimension may stand."""


def found_before_loop(frame: Frame, mask: Mask) -> MadeOnce:
    """``x[mask]`` → ``x[mask_indices]``, with ``mask_indices = mask.nonzero(as_tuple=True)`` before the loop.

    A function that the loop calls gets a parameter ``mask_indices=None``; where other callers give none, it selects by
    the mask. What is no tensor of truth values for another caller (None, numbers of rows) selects as it did.

    :raises DeclinedError: the mask may be another one in the next step.
    """
    way = way_by_stack(frame, mask.node)
    source, last = frame.source, way[-1]
    made, inverted = made_of(way[0], mask.node)
    name = name_before_loop(way, made, "not_" if inverted else "", "indices" if mask.alone else "index")
    found = followed(way, made, name, INDICES)
    torch, imports = torch_name(last.source)
    lines, kept = _lines(name, found.tree, last, torch, inverted=inverted, alone=mask.alone)
    imports = imports if len(lines) > 1 or f"{torch}." in lines[0] else ()
    inside = len(way) > 1 and any(each is way[1].function for each in around(source, way[0].function, source.tree))
    if kept and len(way) == 1:
        used = [in_place(source, mask.node, name)]
    else:
        used = _where_given(way[0], mask.node, name, inside=inside)
    said = "The indices of what the mask selects are found once, before the loop"
    return found.made(lines, used, said, imports)


def looked_up_before_loop(frame: Frame, call: ast.Call) -> MadeOnce:
    """``mask.nonzero()``, ``torch.where(mask)`` and ``torch.argwhere(mask)``, made before the loop and handed down.

    :raises DeclinedError: it may be another one in the next step, or is written to.
    """
    source, function = frame.source, last_name(call.func)
    of_torch = is_torch_call(source, call)
    given = call.args if of_torch else [call.func.value, *call.args] if isinstance(call.func, ast.Attribute) else []
    if function not in LOOKED_UP or len(given) != 1 or any(each.arg != "as_tuple" for each in call.keywords):
        raise DeclinedError("It is no plain look at which elements of a tensor are not zero")
    check_shared(source, call)
    way = way_by_stack(frame, call)
    made, inverted = made_of(way[0], given[0])
    name = name_before_loop(way, made, "not_" if inverted else "", function)
    found = followed(way, made, name, INDICES)
    torch, imports = torch_name(way[-1].source)
    text, path = ast.unparse(found.tree), isinstance(found.tree, ast.Name | ast.Attribute)
    mask = f"{'~' if inverted else ''}{text if path or not inverted else f'({text})'}"
    more = "".join(f", {ast.unparse(each)}" for each in call.keywords)
    line = f"{name} = {torch}.{function}({mask}{more})"
    line += f" if {torch}.is_tensor({text}) else None" if path else ""
    read, parent = f"{source.code(call)} if {name} is None else {name}", source.parents[call]
    used = name if not path and len(way) == 1 else read if isinstance(parent, ast.Assign) else f"({read})"
    said = "Which elements are not zero is looked up once, before the loop"
    return found.made([line], [in_place(source, call, used)], said, imports)


@dataclass(frozen=True)
class Followed:
    """An expression that the loop leaves as it is, and what it takes to hand on what is made of it before the loop."""

    way: list[Stage]
    tree: ast.expr
    """By the names of the function with the loop."""
    changes: dict[str, list[Replacement]]
    reads: list[Read]
    calls: list[ast.Call]
    """Those by which the function with the loop comes to it."""

    def _is_left_by(self, loop: LoopStatement) -> bool:
        """Whether a loop around the one that makes the steps leaves it as it is, too."""
        last = self.way[-1]
        try:
            check_unchanging(last.source, self.reads, loop, last.function, _others(self.way))
            trunks = [each.trunk for each in self.reads]
            _check_written(Stage(last.source, last.function, last.place, loop), trunks, self.calls)
        except DeclinedError:
            return False
        return True

    def made(self, lines: list[str], used: list[Replacement], said: str, imports: tuple[str, ...]) -> MadeOnce:
        """The whole change.

        :param lines: statements in front of the loop.
        :param used: what changes where it is used.
        """
        source, last = self.way[0].source, self.way[-1]
        assert last.loop is not None
        if imports and last.source is not source:
            raise DeclinedError("The file with the loop does not import torch")
        changes = {file: list(each) for file, each in self.changes.items()}
        put = statements_before_loop(last.source, last.loop, lines, self._is_left_by)
        changes.setdefault(last.source.path, []).append(put)
        own = [*used, *changes.pop(source.path, [])]
        elsewhere, also = changes_elsewhere(changes)
        handed = ", and handed to the function that needs it" if len(self.way) > 1 else ""
        return MadeOnce(source.path, own, f"{said}{handed}.{also}", imports=imports, elsewhere=elsewhere)


def followed(way: list[Stage], made: ast.expr, name: str, kind: str) -> Followed:
    """Follow an expression out to the loop.

    :param name: of the argument that hands on what is made of it.
    :param kind: the annotation of that argument.
    :raises DeclinedError: it may be another one in the next step, or not be there before the first one.
    """
    source, last = way[0].source, way[-1]
    check_repeatable(source, made)
    term, tree = Term(source, made), made
    changes: dict[str, list[Replacement]] = {}
    left: list[tuple[Stage, list[str], list[ast.Call]]] = []
    calls: list[ast.Call] = []
    for inner, outer in itertools.pairwise(way):
        assert isinstance(inner.function, Function)
        _check_plain(inner.function)
        _check_reached(inner, tree)
        left.append((inner, [each.trunk for each in term.reads()], calls))
        calls = hand_down(inner, outer, name, [term], changes, kind)
        tree = term.tree()
    _check_reached(last, tree)
    left.append((last, [each.trunk for each in term.reads()], calls))
    assert last.loop is not None
    check_unchanging(last.source, term.reads(), last.loop, last.function, _others(way))
    for stage, trunks, known in left:
        _check_written(stage, trunks, known)
    if not read_in(made) & libraries(source) <= libraries(last.source):
        raise DeclinedError("The file with the loop calls the libraries by other names")
    if isinstance(tree, ast.Constant):
        raise DeclinedError("The caller gives none")
    return Followed(way, tree, changes, term.reads(), calls)


def _others(way: list[Stage]) -> list[ModuleSource]:
    """Further files on the way than that with the loop."""
    return [each for each in dict.fromkeys(stage.source for stage in way) if each is not way[-1].source]


def made_of(stage: Stage, mask: ast.expr) -> tuple[ast.expr, bool]:
    """What a mask is made of in each step, and whether the other elements are selected: ``known``, True of ``~known``.

    Of a name that the step gives to a mask it is what it stands for.
    """
    inverted = isinstance(mask, ast.UnaryOp) and isinstance(mask.op, ast.Invert)
    inner = mask.operand if inverted and isinstance(mask, ast.UnaryOp) else mask
    if isinstance(inner, ast.Name) and _is_bound_in_step(stage, inner.id):
        found = reaching(stage.source, inner)
        value = found[0].value if found is not None else None
        value = unpacked(found[0].node, value, inner.id) if found is not None and value is not None else None
        if found is None or value is None or read_in(value) & found[1]:
            raise DeclinedError(f"{inner.id} is made anew in each step")
        names = aliases(stage.function, inner.id)
        if any(overlap(each, other) for each in names for other in written_into(stage.function)):
            raise DeclinedError(f"{inner.id} is written to")
        inner = value
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Invert):
            inverted, inner = not inverted, inner.operand
    return inner, inverted


def _is_bound_in_step(stage: Stage, name: str) -> bool:
    """Whether a function that the loop calls binds a name itself, or the loop does."""
    region = set(map(id, ast.walk(stage.loop))) if stage.loop is not None else None
    found = [each for each in bindings(stage.function, name) if each.kind != "parameter"]
    if isinstance(stage.function, ast.Module):
        found = found if region is not None else []
    return any(region is None or id(each.node) in region for each in found)


def _check_reached(stage: Stage, made: ast.expr) -> None:
    """In front of the loop, an expression is looked at whatever the steps ask before they come to it.

    A name is there in any case. What else is evaluated must be evaluated in each step, or by the first test.

    :raises DeclinedError: it is not.
    """
    tests = list(tests_between(stage.source, stage.place, stage.loop or stage.function))
    if isinstance(made, ast.Name | ast.Constant) or not tests:
        return
    first, path = tests[-1], dotted(made)
    while isinstance(first, ast.BoolOp):
        first = first.values[0]
    if path is None or path not in {dotted(each) for each in ast.walk(first)}:
        raise DeclinedError("Not each step comes to it: in front of the loop it might not be there")


def _check_given(function: Function, reads: list[Read]) -> None:
    """A function computes nothing of what decides.

    :raises DeclinedError: it does.
    """
    for each in reads:
        head = each.trunk.partition(".")[0]
        if head and any(one.kind != "parameter" for one in bindings(function, head)):
            raise DeclinedError(f"It is made of {head}, which {function.name} computes in each step")


def _check_plain(function: Function) -> None:
    for each in function.decorator_list:
        named = each.func if isinstance(each, ast.Call) else each
        if last_name(named) not in MODES:
            raise DeclinedError(f"{function.name} is decorated, and may be given other arguments")
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(each, ast.Yield | ast.YieldFrom) for each in within(function)
    ):
        raise DeclinedError(f"{function.name} hands over to others in between")


def _check_written(stage: Stage, trunks: list[str], known: list[ast.Call]) -> None:
    """No function gets hold of the mask that may write to it, but those on the way, which are looked at themselves.

    :raises DeclinedError: one may.
    """
    for trunk in filter(None, trunks):
        if may_be_written(stage.source, stage.loop or stage.function, stage.function, trunk, known):
            raise DeclinedError(f"{trunk} is handed to a function that may write to it")


def name_before_loop(way: list[Stage], made: ast.expr, before: str, behind: str) -> str:
    """``known_indices`` of what the function with the loop calls ``known``: another one of any other expression."""
    term = Term(way[0].source, made)
    for inner, outer in itertools.pairwise(way):
        assert isinstance(inner.function, Function)
        _check_given(inner.function, term.reads())
        named_by_caller(inner, outer, [term])
    words = "_".join(re.findall(r"\w+", ast.unparse(term.tree()))).lstrip("_")
    if dotted(made) is None:
        parent = way[0].source.parents[made]
        local = parent.targets[0] if isinstance(parent, ast.Assign) else None
        words = local.id if isinstance(local, ast.Name) else words
        alone = len(way) == 1 and isinstance(local, ast.Name) and len(bindings(way[0].function, local.id)) == 1
        behind += "" if alone else f"_l{made.lineno}"
    name = f"{before}{words}_{behind}"
    while not all(is_free(each.function, name) for each in way):
        name += "_once"
    return name


def _where_given(stage: Stage, mask: ast.expr, name: str, *, inside: bool) -> list[Replacement]:
    """``x[mask if mask_indices is None else mask_indices]``; said once, where a function or a statement says it again.

    A parameter may be looked at where its function begins, what is computed only where the statement would compute it.

    :param inside: the function is one inside of its caller, whose variable it reads.
    """
    source, function, statement = stage.source, stage.function, statement_of(stage.source, mask)
    read = f"{source.code(mask)} if {name} is None else {name}"
    alike = [each for each in within(function) if _is_index(source, each, mask)]
    again = [each for each in alike if statement_of(source, each) is statement]
    line = source.text[source.line_start(mask.lineno) : source.line_start(mask.lineno + 1)]
    beside = isinstance(statement, SIMPLE) and not any(tests_between(source, mask, statement))
    place: ast.stmt | None = None
    if len(alike) > 1 and isinstance(function, Function) and _is_parameter(function, mask):
        place = function.body[min(1, len(function.body) - 1) if ast.get_docstring(function) is not None else 0]
    elif beside and (len(again) > 1 or len(line) + len(read) - len(source.code(mask)) > LONGEST_LINE):
        place = statement
    start = source.line_start(place.lineno) if place is not None else 0
    indent = source.text[start : source.span(place)[0]] if place is not None else ""
    if place is None or indent.strip() or inside:
        return [in_place(source, mask, read)]
    put = Replacement(start=start, end=start, text=f"{indent}{name} = {read}\n")
    return [put, in_place(source, mask, name)]


def _is_parameter(function: Function, mask: ast.expr) -> bool:
    return isinstance(mask, ast.Name) and [each.kind for each in bindings(function, mask.id)] == ["parameter"]


def _is_index(source: ModuleSource, node: ast.AST, mask: ast.expr) -> bool:
    """Whether the same mask selects at another place."""
    parent = source.parents.get(node)
    if isinstance(parent, ast.Tuple):
        return _is_index(source, parent, parent) and ast.dump(node) == ast.dump(mask)
    return isinstance(parent, ast.Subscript) and parent.slice is node and ast.dump(node) == ast.dump(mask)


def _lines(
    name: str, tree: ast.expr, last: Stage, torch: str, *, inverted: bool, alone: bool
) -> tuple[list[str], bool]:
    """The statements in front of the loop, and whether the name stands for what selects in any case."""
    text, path = ast.unparse(tree), isinstance(tree, ast.Name | ast.Attribute)
    entry = "" if alone else "[0]"
    bound = bindings(last.function, tree.id) if isinstance(tree, ast.Name) else []
    value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
    of_truth = is_of_truth(value or tree)
    if alone and of_truth:
        inner = text if path or isinstance(tree, ast.Call) else f"({text})"
        inner = f"(~{inner})" if inverted else inner
        return [f"{name} = {inner}.nonzero(as_tuple=True)"], True
    if inverted and not path:
        raise DeclinedError("What is computed for the mask need not be true or false")
    asked = text if path else name
    guard = [f"{torch}.is_tensor({asked})", f"{asked}.dtype == {torch}.bool"] if not of_truth else []
    test = " and ".join([*guard, *([] if alone else [f"{asked}.ndim == 1"])])
    found = f"{f'(~{text})' if inverted else asked}.nonzero(as_tuple=True){entry}"
    other = "None" if inverted else text
    line = f"{name} = {found} if {test} else {other}"
    if path and len(line) <= LONGEST_ROW:
        return [line], not inverted
    return [f"{name} = {other}", f"if {test}:", f"    {name} = {found}"], not inverted


def is_of_truth(tree: ast.expr) -> bool:
    """Whether an expression tells of each element of a tensor whether it is selected, whatever it reads."""
    if isinstance(tree, ast.Compare):
        return len(tree.ops) == 1 and not isinstance(tree.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn)
    if isinstance(tree, ast.UnaryOp):
        return isinstance(tree.op, ast.Invert) and is_of_truth(tree.operand)
    if isinstance(tree, ast.BinOp):
        joins = isinstance(tree.op, ast.BitAnd | ast.BitOr | ast.BitXor)
        return joins and is_of_truth(tree.left) and is_of_truth(tree.right)
    return isinstance(tree, ast.Call) and last_name(tree.func) in OF_TRUTH
