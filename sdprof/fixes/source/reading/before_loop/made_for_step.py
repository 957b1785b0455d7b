"""Make before the loop what a function makes again in each of its calls, and hand it over as one more argument."""

from __future__ import annotations

import ast
import builtins
import itertools
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement, changes_elsewhere
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.added_parameter import has_namesake_beside, takes_one_more, with_parameter
from sdprof.fixes.source.reading.before_loop.made_names import name_for
from sdprof.fixes.source.reading.before_loop.moved_before_loop import check_modes, conditions_in_loop
from sdprof.fixes.source.reading.before_loop.repeatable import check_repeatable
from sdprof.fixes.source.reading.before_loop.unchanging import (
    Read,
    check_left_alone,
    check_unchanging,
    libraries,
    read_by,
)
from sdprof.fixes.source.reading.before_loop.way_from_loop import Stage, way_from_loop
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.calls import LONGEST_ROW, calls_to, given_as, is_plain, with_argument
from sdprof.fixes.source.reading.loops import LoopStatement, loops_around, statements_before_loop
from sdprof.fixes.source.reading.names import (
    COMPREHENSIONS,
    Function,
    Scope,
    around,
    bindings,
    dotted,
    is_free,
    last_name,
    read_in,
    scope_of,
    within,
)
from sdprof.fixes.source.reading.on_host.host_copy import in_place

LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
OTHER_WAYS = (ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, ast.Lambda, ast.ClassDef, *COMPREHENSIONS)
NEEDS_NO_PARENTHESES = (ast.Assign, ast.AnnAssign, ast.Return, ast.keyword)
LONGEST_LINE = 120
"""Columns beyond which a line is broken."""


@dataclass
class Term:
    """An expression of one function, and what its names are called further out."""

    source: ModuleSource
    node: ast.expr
    wanted: bool = True
    """Of a condition: the answer that leads to the expression."""
    paths: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paths = {name: name for name in read_in(self.node) - libraries(self.source)}

    def reads(self) -> list[Read]:
        """What decides its value."""
        return read_by(self.source, self.node, self.paths)

    def tree(self) -> ast.expr:
        """The expression by the names of the function that was reached."""
        names = [each for each in ast.walk(self.node) if isinstance(each, ast.Name) and each.id in self.paths]
        text = self.source.code_with(self.node, [(each, self.paths[each.id]) for each in names])
        return ast.parse(f"({text})", mode="eval").body


def made_for_step(site: SiteEvidence, sources: Sources, source: ModuleSource, node: ast.expr) -> MadeOnce:
    """``step(x, c, uc)`` that joins ``[uc, c]`` gets ``uc_and_c=None``, made before the loop and given by it.

    Functions on the way hand it on; where other callers give none, it is made as before.

    :raises DeclinedError: the way from the loop cannot be followed, or the next step may need another one.
    """
    way = way_from_loop(site, sources, source, node)
    last = way[-1]
    name = _name(source, node, [each.function for each in way])
    terms = [Term(source, node), *_conditions(way[0])]
    changes = {source.path: [_read_where_given(source, node, name)]}
    for inner, outer in itertools.pairwise(way):
        assert isinstance(inner.function, Function)
        check_modes(inner.source, inner.place, inner.function, node)
        check_decorators(inner.function, last.function)
        hand_down(inner, outer, name, terms, changes, "torch.Tensor | None")
        if outer is not last:
            terms += _conditions(outer)
    assert last.loop is not None
    check_modes(last.source, last.place, last.loop, node)
    sampling = [*reversed(loops_around(last.source, last.loop, last.function)), last.loop]
    for test, wanted in conditions_in_loop(last.source, last.place, last.loop, sampling):
        terms.append(Term(last.source, test, wanted))
    others = [each for each in dict.fromkeys(stage.source for stage in way) if each is not last.source]
    for each in terms:
        check_repeatable(each.source, each.node)
        check_unchanging(last.source, each.reads(), last.loop, last.function, others)
        if not _libraries_of(each) <= libraries(last.source):
            raise DeclinedError("The file with the loop calls the libraries by other names")
    changes.setdefault(last.source.path, []).append(_made_before(last.source, last.loop, name, terms))
    own = changes.pop(source.path)
    elsewhere, also = changes_elsewhere(changes)
    said = f"It is made once, before the loop, and handed to the function that uses it.{also}"
    return MadeOnce(source.path, own, said, elsewhere=elsewhere)


def hand_down(
    inner: Stage, outer: Stage, name: str, terms: list[Term], changes: dict[str, list[Replacement]], kind: str
) -> list[ast.Call]:
    """Let a function have one more argument from what calls it, and call what the terms read as that one does.

    :param changes: by path; what has to change is added.
    :param kind: the annotation of the argument, where those beside it have one.
    :return: the calls that give it.
    :raises DeclinedError: the function may change what is read, or its caller has no name for it.
    """
    function, call = inner.function, outer.place
    assert isinstance(function, Function)
    assert isinstance(call, ast.Call)
    check_left_alone(inner.source, [read for each in terms for read in each.reads()], function)
    calls = [call, *_alike(call, inner, outer, terms)]
    if not named_by_caller(inner, outer, terms):
        if outer.loop is not None and _is_used_before(function, outer.function, outer.loop):
            raise DeclinedError(f"{function.name} may be called before the loop, too")
        return [call]
    if has_namesake_beside(inner.source, function, outer.source, call):
        raise DeclinedError(f"A class in another file has a {function.name}, too, and may take the same calls")
    changes.setdefault(inner.source.path, []).extend(_with_parameter(inner.source, function, name, kind))
    given = [with_argument(outer.source, each, f"{name}={name}") for each in calls]
    changes.setdefault(outer.source.path, []).extend(given)
    return calls


def _libraries_of(term: Term) -> set[str]:
    return read_in(term.node) & libraries(term.source)


def _name(source: ModuleSource, node: ast.expr, functions: list[Scope]) -> str:
    """``c_in_once`` of what is assigned to ``c_in``; free in all the functions."""
    parent = source.parents[node]
    target = parent.targets[0] if isinstance(parent, ast.Assign) else None
    name = f"{target.id}_once" if isinstance(target, ast.Name) else name_for(source, node, functions[0])
    while not all(is_free(each, name) for each in functions):
        name += "_once"
    return name


def _conditions(stage: Stage) -> list[Term]:
    """What is asked in a function before it comes to the place in it that leads on.

    :raises DeclinedError: it may pass the place by in another way, or come there more than once.
    """
    found: list[Term] = []
    inner: ast.AST
    source, inner = stage.source, stage.place
    for outer in around(source, inner, stage.function):
        if isinstance(outer, OTHER_WAYS) or (isinstance(outer, ast.BoolOp) and inner is not outer.values[0]):
            raise DeclinedError("It is made in a branch or a loop of the function")
        if isinstance(outer, ast.If | ast.IfExp) and inner is not outer.test:
            body = outer.body if isinstance(outer.body, list) else [outer.body]
            found.append(Term(source, outer.test, any(each is inner for each in body)))
        for part in ("body", "orelse"):
            block = getattr(outer, part, None)
            if isinstance(block, list) and any(each is inner for each in block):
                found += _ways_out(source, block[: [each is inner for each in block].index(True)])
        inner = outer
    return found


def _ways_out(source: ModuleSource, before: list[ast.stmt]) -> list[Term]:
    """``if uc is None: return …`` before the place: it is come to where the answer is no."""
    found: list[Term] = []
    for each in before:
        leaves = [one for one in (each, *within(each)) if isinstance(one, LEAVES)]
        if not leaves or isinstance(each, Function):
            continue
        if not (isinstance(each, ast.If) and leaves == [each.body[-1]]):
            raise DeclinedError("The function may be left before it comes to the expression")
        found.append(Term(source, each.test, wanted=False))
    return found


def check_decorators(function: Function, outermost: Scope) -> None:
    """A decorator may change modes, or what the function is given."""
    around_loop = outermost.decorator_list if isinstance(outermost, Function) else []
    known = {ast.dump(each) for each in around_loop}
    if any(ast.dump(each) not in known for each in function.decorator_list):
        raise DeclinedError(f"{function.name} is decorated otherwise than the function with the loop")
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(each, ast.Yield | ast.YieldFrom) for each in within(function)
    ):
        raise DeclinedError(f"{function.name} hands over to others in between")


def _binder(source: ModuleSource, scope: Scope, name: str) -> ast.AST:
    """The function whose variable a name is, seen from a scope; the module for all others."""
    for each in (scope, *around(source, scope, source.tree)):
        if isinstance(each, Function | ast.Lambda) and bindings(each, name):
            return each
    return source.tree


def _heads(terms: list[Term]) -> set[str]:
    return {path.partition(".")[0] for each in terms for path in each.paths.values()}


def _sees_names_of(inner: Stage, outer: Stage, terms: list[Term]) -> bool:
    """Whether a function inside of the next one reads the variables of that one: it will see the new one, too."""
    inside = any(each is outer.function for each in around(inner.source, inner.function, inner.source.tree))
    nested = inside and not isinstance(outer.function, ast.Module)
    return nested and not any(bindings(inner.function, name) for name in _heads(terms))


def named_by_caller(inner: Stage, outer: Stage, terms: list[Term]) -> bool:
    """Call what the terms read as the caller of a function does; False where the function sees these names itself.

    :raises DeclinedError: the caller has no name for it.
    """
    assert isinstance(outer.place, ast.Call)
    if _sees_names_of(inner, outer, terms):
        return False
    for each in terms:
        each.paths = _given(outer.place, inner, outer, each)
    return True


def _is_used_before(function: Function, scope: Scope, loop: LoopStatement) -> bool:
    """Whether a function inside of another one is used where what is made in front of a loop is not made yet."""
    return any(
        isinstance(each, ast.Name) and each.id == function.name and each.lineno < loop.lineno
        for each in ast.walk(scope)
    )


def _given(call: ast.Call, inner: Stage, outer: Stage, term: Term) -> dict[str, str]:
    """By which paths the caller calls what an expression reads.

    :raises DeclinedError: something is computed in the function, or in the call.
    """
    function = inner.function
    assert isinstance(function, Function)
    found: dict[str, str] = {}
    for root, path in term.paths.items():
        head, dot, rest = path.partition(".")
        if not head.isidentifier():
            found[root] = path  # a constant
            continue
        kinds = [each.kind for each in bindings(function, head)]
        if not kinds:
            if not _means_the_same(head, inner, outer):
                raise DeclinedError(f"{head} means something else in the function that calls {function.name}")
            found[root] = path
            continue
        text = _argument(call, function, head) if kinds == ["parameter"] else None
        if text is None or (dot and not text.replace(".", "").isidentifier()):
            raise DeclinedError(f"{head} is no name that {function.name} is given")
        found[root] = f"{text}{dot}{rest}"
    return found


def _means_the_same(name: str, inner: Stage, outer: Stage) -> bool:
    """Whether a name that a function does not bind is that of the same variable in its caller, or that of a builtin."""
    binder, there = (_binder(each.source, each.function, name) for each in (inner, outer))
    if binder is there:
        return True
    unbound = all(isinstance(each, ast.Module) and not bindings(each, name) for each in (binder, there))
    return unbound and hasattr(builtins, name)


def _argument(call: ast.Call, function: Function, parameter: str) -> str | None:
    """The path, or the constant, that a call gives as a parameter."""
    order = [*function.args.posonlyargs, *function.args.args]
    if parameter == order[0].arg and parameter in ("self", "cls"):
        return dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
    given = given_as(call, function, parameter)
    if given is None and not is_plain(call):
        return None  # it may come in *args or **kwargs
    if given is None:
        names = [each.arg for each in reversed(order)]
        given = dict(zip(names, reversed(function.args.defaults), strict=False)).get(parameter)
    if isinstance(given, ast.Constant):
        return repr(given.value)
    return None if given is None else dotted(given)


def _alike(call: ast.Call, inner: Stage, outer: Stage, terms: list[Term]) -> list[ast.Call]:
    """Other calls of the same function that hand over the very same."""
    found: list[ast.Call] = []
    for each in calls_to(outer.source, last_name(call.func)):
        if each is call or scope_of(outer.source, each) is not outer.function or not is_plain(each):
            continue
        if ast.dump(each.func) != ast.dump(call.func):
            continue
        if outer.loop is not None and all(one is not outer.loop for one in around(outer.source, each, outer.function)):
            continue  # before the loop, it is not made yet
        try:
            same = all(_given(each, inner, outer, term) == _given(call, inner, outer, term) for term in terms)
        except DeclinedError:
            continue
        if same:
            found.append(each)
    return found


def _with_parameter(source: ModuleSource, function: Function, name: str, kind: str) -> list[Replacement]:
    order = [each.arg for each in function.args.args]
    if not order or not takes_one_more(source, function, order[-1], name):
        raise DeclinedError(f"{function.name} takes no further argument by name")
    typed = function.args.args[-1].annotation is not None and "torch" in libraries(source)
    return with_parameter(source, function, f"{name}: {kind} = None" if typed else f"{name}=None")


def _read_where_given(source: ModuleSource, node: ast.expr, name: str) -> Replacement:
    text = f"{source.code(node)} if {name} is None else {name}"
    parent = source.parents[node]
    inside = isinstance(parent, ast.List | ast.Tuple) or (isinstance(parent, ast.Call) and node in parent.args)
    plain = inside or isinstance(parent, NEEDS_NO_PARENTHESES)
    start = source.line_start(node.lineno)
    before = source.text[start : source.span(node)[0]]
    if len(before) + len(text) > LONGEST_LINE and (inside or isinstance(parent, ast.Assign)):
        indent = before[: len(before) - len(before.lstrip())] + ("" if inside and not before.strip() else "    ")
        text = f"\n{indent}".join([source.code(node), f"if {name} is None", f"else {name}"])
        return in_place(source, node, text if inside else f"(\n{indent}{text}\n{indent[:-4]})")
    return in_place(source, node, text if plain else f"({text})")


def _made_before(source: ModuleSource, loop: LoopStatement, name: str, terms: list[Term]) -> Replacement:
    made, *conditions = terms
    text = ast.unparse(made.tree())
    if not conditions:
        return statements_before_loop(source, loop, [f"{name} = {text}"])
    asked = list(dict.fromkeys(_asked(each) for each in reversed(conditions)))
    line = f"{name} = {text} if {' and '.join(asked)} else None"
    if len(line) + loop.col_offset <= LONGEST_ROW:
        return statements_before_loop(source, loop, [line])
    return statements_before_loop(
        source, loop, [f"{name} = None", f"if {' and '.join(asked)}:", f"    {name} = {text}"]
    )


def _asked(condition: Term) -> str:
    """The text of a condition that holds where the expression is come to."""
    tree = condition.tree()
    if not condition.wanted:
        tree = negated(tree)
    text = ast.unparse(tree)
    binds_less = isinstance(tree, ast.IfExp) or (isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or))
    return f"({text})" if binds_less else text


OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
"""Not the orders: of a NaN neither holds."""


def negated(test: ast.expr) -> ast.expr:
    """``a is not None and b != 1`` of ``a is None or b == 1``."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.BoolOp):
        other = ast.And() if isinstance(test.op, ast.Or) else ast.Or()
        return ast.BoolOp(op=other, values=[negated(each) for each in test.values])
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in OPPOSITES:
        return ast.Compare(left=test.left, ops=[OPPOSITES[type(test.ops[0])]()], comparators=test.comparators)
    return ast.UnaryOp(op=ast.Not(), operand=test)
