"""A mask that a step computes, and selects by several times: which elements those are is asked once."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.mask_indices import Mask, is_of_truth
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.names import bindings, is_free, last_name, scope_of, statement_of, within
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.made_from_host import reaching
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone
from sdprof.fixes.source.reading.tensor_calls import dtype_name, is_torch_call, keyword
from sdprof.fixes.source.reading.tests_between import tests_between

JOIN = frozenset({"cat", "concat", "hstack", "vstack", "stack"})
MAKE = frozenset({"zeros", "ones", "full", "zeros_like", "ones_like", "full_like"})
SAID = "What the mask selects is found once in each step, and not again for each selection."


def found_in_step(source: ModuleSource, node: ast.Subscript, mask: Mask) -> MadeOnce | None:
    """``x = x[mask]``, ``y = y[:, mask]`` by ``mask_indices``, found right behind ``mask = value > threshold``.

    So is ``if mask.any()`` between them. Not where the first of them stands under a condition: the host might not have
    waited at all. Of a mask that is made in several places, what one statement selects: ``x[mask] = draw(x[mask])``.
    """
    name, scope = mask.node, scope_of(source, node)
    if not isinstance(name, ast.Name) or not _tells_truth(source, name) or not is_free(scope, f"{name.id}_indices"):
        return None
    found = reaching(source, name)
    return (_behind(source, name, found[0].node) if found is not None else None) or _before(source, name)


def _tells_truth(source: ModuleSource, node: ast.expr, depth: int = 3) -> bool:
    """Whether an expression tells of each element whether it is selected, for every caller of the function."""
    if is_of_truth(node):
        return True
    if isinstance(node, ast.Name) and depth:
        bound = bindings(scope_of(source, node), node.id)
        values = [each.value for each in bound if each.kind == "assignment"]
        made = [each is not None and _tells_truth(source, each, depth - 1) for each in values]
        return bool(bound) and len(values) == len(bound) and all(made)
    if not isinstance(node, ast.Call) or not is_torch_call(source, node):
        return False
    if last_name(node.func) in JOIN and node.args and isinstance(node.args[0], ast.Tuple | ast.List):
        return all(_tells_truth(source, each, depth) for each in node.args[0].elts)
    return last_name(node.func) in MAKE and dtype_name(keyword(node, "dtype")) == "bool"


def _behind(source: ModuleSource, name: ast.Name, made: ast.AST) -> MadeOnce | None:
    """Found right behind the assignment that makes the mask."""
    if not isinstance(made, ast.Assign) or not stands_alone(source, made):
        return None
    scope = scope_of(source, made)
    uses = [each for each in _selections(source, scope, name.id) if _comes_from(source, each, made)]
    asked = [each for each in _questions(source, scope, name.id) if _comes_from(source, each[0], made)]
    places = sorted([*uses, *(each for each, _, _ in asked)], key=lambda each: (each.lineno, each.col_offset))
    if len(places) < 2 or not uses:
        return None
    first = statement_of(source, places[0])
    if first not in block_of(source, made) or any(tests_between(source, places[0], first)):
        return None
    answers = [in_place(source, question, answer) for _, question, answer in asked]
    return _found(source, name, made, (made.end_lineno or made.lineno) + 1, uses, answers)


def _before(source: ModuleSource, name: ast.Name) -> MadeOnce | None:
    """Found right before the statement that selects more than once."""
    statement = statement_of(source, name)
    uses = [
        each for each in _selections(source, statement, name.id) if reaching(source, each) == reaching(source, name)
    ]
    if not isinstance(statement, ast.Assign) or len(uses) < 2 or not stands_alone(source, statement):
        return None
    if any(isinstance(each, ast.BoolOp | ast.IfExp | ast.NamedExpr) for each in ast.walk(statement)):
        return None
    return _found(source, name, statement, statement.lineno, uses, [])


def _found(
    source: ModuleSource,
    name: ast.Name,
    beside: ast.stmt,
    line: int,
    uses: list[ast.Name],
    answers: list[Replacement],
) -> MadeOnce:
    start, indices = source.line_start(line), f"{name.id}_indices"
    text = f"{' ' * beside.col_offset}{indices} = {name.id}.nonzero(as_tuple=True)\n"
    put = Replacement(start=start, end=start, text=text)
    return MadeOnce(source.path, [put, *(_by_indices(source, each, indices) for each in uses), *answers], SAID)


def _questions(source: ModuleSource, scope: ast.AST, name: str) -> list[tuple[ast.Name, ast.expr, str]]:
    """Where a condition asks whether the mask selects anything: the name, the question, and the answer."""
    found: list[tuple[ast.Name, ast.expr, str]] = []
    for each in within(scope):
        if not isinstance(each, ast.Name) or each.id != name or not isinstance(each.ctx, ast.Load):
            continue
        call = _call_of(source, each)
        if call is None or last_name(call.func) not in ("any", "sum"):
            continue
        outer: ast.AST = source.parents[call]
        number: ast.expr = call
        if isinstance(outer, ast.Attribute) and outer.attr == "item" and isinstance(source.parents[outer], ast.Call):
            number = source.parents[outer]  # type: ignore[assignment]
            outer = source.parents[number]
        count = f"len({name}_indices[0])"
        if last_name(call.func) == "sum" and isinstance(outer, ast.Compare) and len(outer.comparators) == 1:
            other = outer.comparators[0] if outer.left is number else outer.left
            if isinstance(other, ast.Constant):
                found.append((each, number, count))
        elif last_name(call.func) == "any" and _is_asked(source, number):
            found.append((each, number, f"{count} > 0"))
    return found


def _call_of(source: ModuleSource, mask: ast.Name) -> ast.Call | None:
    """``mask.any()`` and ``torch.any(mask)``, of all elements."""
    parent = source.parents[mask]
    if isinstance(parent, ast.Attribute):
        call = source.parents[parent]
        plain = isinstance(call, ast.Call) and call.func is parent and not call.args and not call.keywords
        return call if plain and isinstance(call, ast.Call) else None
    plain = isinstance(parent, ast.Call) and parent.args == [mask] and not parent.keywords
    return parent if plain and isinstance(parent, ast.Call) and is_torch_call(source, parent) else None


def _is_asked(source: ModuleSource, node: ast.AST) -> bool:
    """Whether nothing but the truth of an expression matters."""
    outer = source.parents[node]
    while isinstance(outer, ast.BoolOp) or (isinstance(outer, ast.UnaryOp) and isinstance(outer.op, ast.Not)):
        node, outer = outer, source.parents[outer]
    return isinstance(outer, ast.If) and outer.test is node


def _selections(source: ModuleSource, scope: ast.AST, name: str) -> list[ast.Name]:
    """Where a name selects elements, so that the host has to know how many."""
    found: list[ast.Name] = []
    for each in within(scope):
        if not isinstance(each, ast.Name) or each.id != name or not isinstance(each.ctx, ast.Load):
            continue
        index: ast.AST = each
        if isinstance(around := source.parents[index], ast.Tuple):
            if not all(isinstance(one, ast.Slice | ast.Constant) or one is each for one in around.elts):
                continue
            index = around
        selected = source.parents[index]
        if isinstance(selected, ast.Subscript) and selected.slice is index and not _is_filled(source, selected):
            found.append(each)
    return found


def _is_filled(source: ModuleSource, selected: ast.Subscript) -> bool:
    """``x[mask] = 0`` asks for no number of elements; with indices, it would copy the number."""
    statement = source.parents[selected]
    if isinstance(selected.ctx, ast.Load):
        return False
    value = statement.value if isinstance(statement, ast.Assign) else None
    return not isinstance(value, ast.Call | ast.BinOp | ast.Subscript | ast.Name)


def _comes_from(source: ModuleSource, use: ast.Name, made: ast.Assign) -> bool:
    found = reaching(source, use)
    return found is not None and found[0].node is made


def _by_indices(source: ModuleSource, use: ast.Name, indices: str) -> Replacement:
    parent = source.parents[use]
    if not isinstance(parent, ast.Tuple):
        return in_place(source, use, indices)
    return in_place(source, parent, as_items(source, parent, use, indices))


def as_items(source: ModuleSource, index: ast.Tuple, mask: ast.expr, indices: str) -> str:
    """``(slice(None), *indices)`` of ``:, mask``: of several indices between brackets, as a tuple is written."""
    parts = [f"*{indices}" if each is mask else _as_item(source, each) for each in index.elts]
    return f"({', '.join(parts)})"


def _as_item(source: ModuleSource, part: ast.expr) -> str:
    """``slice(1, None)`` of ``1:``: between parentheses no colon may stand."""
    if not isinstance(part, ast.Slice):
        return source.code(part)
    lower, upper = ("None" if each is None else source.code(each) for each in (part.lower, part.upper))
    step = f", {source.code(part.step)}" if part.step is not None else ""
    return f"slice({upper}{step})" if part.lower is None and not step else f"slice({lower}, {upper}{step})"
