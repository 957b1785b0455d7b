"""Make a tensor once that a loop makes again in each step: before the loop, or where that cannot be shown, by a helper.

Before the loop goes what reads nothing that the loop binds or writes to, whatever its content is. In a function that
the loop calls, a helper keeps the result while the very same tensors come again.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.host_copy import in_place
from sdprof.fixes.source.reading.host_trees import COMPUTES, COUNTS, FACTORIES, PURE, RANDOM
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop, loops_around
from sdprof.fixes.source.reading.names import (
    Function,
    Scope,
    around,
    dotted,
    is_free,
    last_name,
    scope_of,
    statement_of,
    within,
)
from sdprof.fixes.source.reading.shared_result import VIEWS, check_shared
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call
from sdprof.fixes.source.reading.tests_between import tests_between
from sdprof.fixes.source.reading.unchanging import (
    OF_SIZE,
    SIZES,
    check_unchanging,
    is_path,
    is_size,
    libraries,
    reads_of,
)

LEAST_KEPT_BYTES = 32768
"""What is smaller is made as fast as it is looked up."""
_COPIES = """
cat concat concatenate stack hstack vstack tile repeat repeat_interleave clone flip roll tril triu pad zeros_like
ones_like full_like new_zeros new_ones new_full rearrange tensor
"""
MAKERS = (FACTORIES | COUNTS | COMPUTES | PURE | VIEWS | SIZES | frozenset(_COPIES.split())) - {"empty"}
JOINS = frozenset({"cat", "concat", "concatenate", "stack"})
LIKE = frozenset({"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"})
CONSTANTS = frozenset(
    f"aten::{name}"
    for name in (
        *("full", "ones", "zeros", "arange", "linspace", "logspace", "eye"),
        *("full_like", "ones_like", "zeros_like", "new_full", "new_ones", "new_zeros"),
    )
)
NUMBERS = frozenset({"int", "float", "len", "range", "min", "max", "list", "tuple"})


@dataclass(frozen=True)
class MadeOnce:
    """One way to make it once."""

    file: str
    replacements: list[Replacement]
    said: str
    helpers: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def made_once(site: SiteEvidence, sources: Sources) -> list[MadeOnce]:
    """The ways to make a tensor once, the one to prefer first.

    :raises DeclinedError: there is none.
    """
    frame = Frame(site, sources, _users_frame(site))
    source, node = frame.source, frame.source.node_at(frame.where)
    if not isinstance(node, ast.Call) or not source.has_own_text(node):
        raise DeclinedError("The tensor is not made by a call in this expression")
    try:
        _check_pure(source, node)
    except DeclinedError as declined:
        raise DeclinedError("A library makes it") if frame.depth else declined from None
    check_shared(source, node)
    loop = frame.loop_around(node)
    ways: list[MadeOnce] = []
    reason = "It is made in a function that the loop calls"
    sampling = _loops_around(source, loop) if loop is not None else []
    for each in sampling:
        try:
            ways.append(_before_loop(source, node, each, sampling))
            break
        except DeclinedError as declined:
            reason = str(declined)
    try:
        ways.append(_kept(site, source, node))
    except DeclinedError as declined:
        if not ways:
            raise DeclinedError(f"{reason}; and it cannot be kept: {_lower(str(declined))}") from declined
    return ways


def _loops_around(source: ModuleSource, loop: LoopStatement) -> list[LoopStatement]:
    """The loop and those around it in its function, the outermost first."""
    return [*reversed(loops_around(source, loop, scope_of(source, loop))), loop]


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _users_frame(site: SiteEvidence) -> int:
    """The innermost frame of the user's, or of the file that the loop is in: a library's own code stays as it is."""
    file = site.loop.loop.file if site.loop is not None and site.loop.loop is not None else ""
    inner = (depth for depth, frame in enumerate(site.stack) if not frame.library or frame.where.file == file)
    return next(inner, len(site.stack) - 1)


def _check_pure(source: ModuleSource, node: ast.expr) -> None:
    """Nothing in the expression has an effect, or another result the next time.

    :raises DeclinedError: something may.
    """
    for each in ast.walk(node):
        if not isinstance(each, ast.Call):
            continue
        name = last_name(each.func)
        if name in RANDOM:
            raise DeclinedError("Random numbers are drawn: kept, they would be the same in each step")
        if any(given.arg in ("out", "generator") for given in each.keywords):
            raise DeclinedError("The call writes to a tensor that it is given")
        of_torch = is_torch_call(source, each)
        known = of_torch or _is_of_einops(source, name) or name in NUMBERS
        if isinstance(each.func, ast.Attribute) and not of_torch:
            known = dotted(each.func.value) not in ("self", "cls") and name not in _defined(source)
        if not known or name not in MAKERS | NUMBERS:
            raise DeclinedError(f"It is not known whether {source.code(each.func)} gives the same the next time")


def _defined(source: ModuleSource) -> set[str]:
    return {each.name for each in ast.walk(source.tree) if isinstance(each, Function)}


def _is_of_einops(source: ModuleSource, name: str) -> bool:
    return any(
        isinstance(each, ast.ImportFrom)
        and each.module == "einops"
        and name in [a.asname or a.name for a in each.names]
        for each in source.tree.body
    )


def _wider(source: ModuleSource, node: ast.expr) -> Iterator[ast.expr]:
    """The calls and sums that an expression is part of, the smallest first, up to its statement."""
    parent = source.parents[node]
    while isinstance(parent, ast.expr | ast.keyword):
        if isinstance(parent, ast.Call) and last_name(parent.func) in NUMBERS:
            return  # a list of its own, which may be changed
        if isinstance(parent, ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare | ast.Subscript):
            yield parent
        elif not isinstance(parent, ast.List | ast.Tuple | ast.Attribute | ast.keyword):
            return
        parent = source.parents[parent]


def _before_loop(source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]) -> MadeOnce:
    """The statement, or the expression under a name of its own, in front of the loop, with all that is computed of it.

    :param sampling: the loop that calls the model, and those around it.
    :raises DeclinedError: it may be another one in the next iteration, or fail where the loop does not.
    """
    made = _moved(source, node, loop, sampling)
    for each in _wider(source, node):
        try:
            _check_pure(source, each)
            check_shared(source, each)
            made = _moved(source, each, loop, sampling)
        except DeclinedError:
            break
    return made


def _moved(source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]) -> MadeOnce:
    scope = scope_of(source, node)
    check_unchanging(source, node, loop, scope)
    conditions = _conditions(source, node, loop, sampling)
    for test, _ in conditions:
        _check_pure(source, test)
        check_unchanging(source, test, loop, scope)
    undisturbed_by = {"no_grad", "autocast"} if _only_copies(node) else {"no_grad"}
    for each in around(source, node, loop):
        if isinstance(each, ast.With | ast.AsyncWith) and not all(
            isinstance(item.context_expr, ast.Call)
            and last_name(item.context_expr.func) in undisturbed_by
            and item.optional_vars is None
            for item in each.items
        ):
            raise DeclinedError("It is made inside of a with statement of the loop")
    said = "It is made once, before the loop."
    statement = statement_of(source, node)
    if not conditions and _can_move(source, statement, node, loop, scope):
        start = source.line_start(statement.lineno)
        end = source.line_start((statement.end_lineno or statement.lineno) + 1)
        moved = before_loop(source, loop, outdented(source, statement, loop))
        return MadeOnce(source.path, [moved, Replacement(start=start, end=end, text="")], said)
    name = _name_for(source, node, scope)
    text = _on_one_line(source, node)
    if conditions:
        asked = (_asked(source, test, wanted=wanted) for test, wanted in reversed(conditions))
        text = f"{text} if {' and '.join(asked)} else None"
    made = before_loop(source, loop, f"{name} = {text}")
    return MadeOnce(source.path, [made, in_place(source, node, name)], said)


def _only_copies(node: ast.expr) -> bool:
    """Whether autocast leaves an expression as it is: nothing is computed in it."""
    parts = list(ast.walk(node))
    names = {last_name(each.func) for each in parts if isinstance(each, ast.Call)}
    joined = not any(isinstance(each, ast.BinOp) and not isinstance(each.left, ast.List) for each in parts)
    return joined and names <= VIEWS | SIZES | FACTORIES | NUMBERS | frozenset(_COPIES.split())


def _on_one_line(source: ModuleSource, node: ast.expr) -> str:
    code = source.code(node)
    return code if "\n" not in code else ast.unparse(node)


def _asked(source: ModuleSource, test: ast.expr, *, wanted: bool) -> str:
    code = _on_one_line(source, test)
    if wanted:
        return code if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Compare) else f"({code})"
    return f"not {code}" if isinstance(test, ast.Name | ast.Attribute | ast.Call) else f"not ({code})"


def _conditions(
    source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]
) -> list[tuple[ast.expr, bool]]:
    """What is asked before the expression is evaluated, the innermost first, and which answer leads to it.

    :raises DeclinedError: by something else than ``if``.
    """
    found: list[tuple[ast.expr, bool]] = []
    inner: ast.AST = node
    for outer in around(source, node, loop):
        if isinstance(outer, ast.If) and inner is not outer.test:
            found.append((outer.test, inner in outer.body))
        elif isinstance(outer, ast.IfExp) and inner is not outer.test:
            found.append((outer.test, inner is outer.body))
        elif isinstance(outer, LoopStatement) and not any(each is outer for each in sampling):
            raise DeclinedError("It is made inside of another loop")
        inner = outer
    if len(list(tests_between(source, node, loop))) != len(found):
        raise DeclinedError("The loop may leave the step before it comes to the expression")
    return found


def _can_move(source: ModuleSource, statement: ast.stmt, node: ast.expr, loop: LoopStatement, scope: Scope) -> bool:
    """Whether ``name = expression`` can go in front of the loop as it is."""
    if not isinstance(statement, ast.Assign) or statement.value is not node or statement not in loop.body:
        return False
    target = statement.targets[0]
    if len(statement.targets) != 1 or not isinstance(target, ast.Name) or len(loop.body) == 1:
        return False
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == target.id]
    first = min(uses, key=lambda each: (each.lineno, each.col_offset))
    bound_once = sum(not isinstance(each.ctx, ast.Load) for each in uses) == 1
    return bound_once and first is target and stands_alone(source, statement)


def outdented(source: ModuleSource, statement: ast.stmt, loop: LoopStatement) -> str:
    """The statement with its lines moved to the left by as much as the loop's body is to the right."""
    start = source.line_start(statement.lineno)
    end = source.line_start((statement.end_lineno or statement.lineno) + 1)
    lines = source.text[start:end].rstrip("\n").split("\n")
    by = (source.span(statement)[0] - start) - (source.span(loop)[0] - source.line_start(loop.lineno))
    first = lines[0].strip()
    rest = [line[by:] if line[:by].isspace() else line for line in lines[1:]]
    return "\n".join([first, *rest])


def _kept(site: SiteEvidence, source: ModuleSource, node: ast.Call) -> MadeOnce:
    """``_made_once(torch.cat, [uc, c])``.

    :raises DeclinedError: it would not be found again, or costs no more to be made.
    """
    if site.op in CONSTANTS:
        raise DeclinedError("A constant is made as fast as it is looked up")
    if not site.same_tensors:
        raise DeclinedError(
            "It is made of other tensors in each step, or of such that count no writes (inference mode)"
        )
    if site.bytes < LEAST_KEPT_BYTES * site.count:
        raise DeclinedError("A tensor of this size is made as fast as it is looked up")
    if isinstance(source.parents[statement_of(source, node)], ast.ClassDef):
        raise DeclinedError("It stands in the body of a class")
    reads = {source.code(each) for each in reads_of(source, node, entries=True)}
    for each in _wider(source, node):  # what is made of it alone, and of numbers that are written out
        try:
            _check_pure(source, each)
            check_shared(source, each)
            if (
                not isinstance(each, ast.Call)
                or {source.code(r) for r in reads_of(source, each, entries=True)} != reads
            ):
                break
            node = each
        except DeclinedError:
            break
    text, imports = _call_of_helper(source, node)
    said = "A helper keeps it, and hands it out again while the tensors that it is made of are the same."
    return MadeOnce(source.path, [in_place(source, node, text)], said, ("_made_once",), imports)


def _call_of_helper(source: ModuleSource, node: ast.Call) -> tuple[str, tuple[str, ...]]:
    """The call, and the imports that it needs.

    ``_made_once(torch.cat, [uc, c])``, ``_made_once(torch.Tensor.half, c)``; of what is made in several calls
    ``_made_once(lambda c, n: c[None].expand(n, -1).contiguous(), c, n)``: it is given all that it reads.
    """
    arguments = [*node.args, *(each.value for each in node.keywords)]
    given = source.text[source.span(node.func)[1] : source.span(node)[1]].strip()[1:].lstrip()
    if all(map(_is_given_again, arguments)) and is_plain(node):
        if isinstance(node.func, ast.Name) or _is_of_library(source, node.func):
            return f"_made_once({source.code(node.func)}, {given}", ()
        if isinstance(node.func, ast.Attribute) and is_path(node.func.value):
            torch, imports = torch_name(source)
            owner = source.code(node.func.value)
            return f"_made_once({torch}.Tensor.{node.func.attr}, {owner}{', ' if arguments else ''}{given}", imports
    reads = [source.code(each) for each in reads_of(source, node, entries=True)]
    names = _parameters(source, node, reads)
    return f"_made_once(lambda {', '.join(names)}: {_with_names(source, node, names, reads)}, {', '.join(reads)})", ()


def _is_of_library(source: ModuleSource, function: ast.expr) -> bool:
    """``torch.cat``, ``F.pad``: no method of a tensor."""
    return (dotted(function) or "").partition(".")[0] in libraries(source)


def _is_given_again(node: ast.expr) -> bool:
    """Whether an argument is the same thing when it is evaluated again: no tensor is made in it."""
    if isinstance(node, ast.List | ast.Tuple):
        return all(map(_is_given_again, node.elts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return isinstance(node.left, ast.List) and _is_given_again(node.left) and isinstance(node.right, ast.Constant)
    number = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(number, ast.Constant) or is_path(node) or is_size(node)


def _parameters(source: ModuleSource, node: ast.expr, reads: list[str]) -> list[str]:
    """Names for what an expression reads: its own, where it is a name."""
    taken = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - set(reads)
    names: list[str] = []
    for read in reads:
        words = re.findall(r"[A-Za-z_]\w*", read)
        wished = read if read.isidentifier() else words[-1] if words[-1] not in ("shape", "size") else "n"
        number, name = 1, wished
        while name in taken or keyword.iskeyword(name):
            number += 1
            name = f"{wished}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _with_names(source: ModuleSource, node: ast.expr, names: list[str], reads: list[str]) -> str:
    """The text of an expression, with names for what it reads."""
    start, text = source.span(node)[0], source.code(node)
    places = [each for each in ast.walk(node) if isinstance(each, ast.expr) and source.code(each) in reads]
    outermost = [each for each in places if not any(each is not one and each in ast.walk(one) for one in places)]
    for each in sorted(outermost, key=lambda one: source.span(one)[0], reverse=True):
        first, behind = (place - start for place in source.span(each))
        text = f"{text[:first]}{names[reads.index(source.code(each))]}{text[behind:]}"
    return text


def _name_for(source: ModuleSource, node: ast.expr, scope: Scope) -> str:
    """A name after what the tensor is made of; the same for the same expression, never the same for two."""
    wished = _wish(source, node)
    alike = [
        ast.dump(each)
        for each in within(scope)
        if isinstance(each, type(node))
        and not (isinstance(each, ast.Call) and last_name(each.func) not in MAKERS)
        and _wish(source, each) == wished
    ]
    number = list(dict.fromkeys(alike)).index(ast.dump(node)) + 1
    name = wished if number == 1 else f"{wished}_{number}"
    while not is_free(scope, name):
        name += "_once"
    return name


def _wish(source: ModuleSource, node: ast.expr) -> str:
    """``uc_and_c`` of ``torch.cat([uc, c])``, ``context_once`` of ``context.half()``, ``ones`` of ``torch.ones(2)``."""
    try:
        reads = [each for each in reads_of(source, node, entries=True) if is_path(each)]
    except DeclinedError:
        return ""
    tensors = [word for each in reads if (word := _word(each)) not in OF_SIZE]
    called = [last_name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)]
    if JOINS & set(called) and len(tensors) == 2:
        return "_and_".join(tensors) if tensors[0] != tensors[1] else f"{tensors[0]}_joined"
    constants = [each for each in called if each in FACTORIES | LIKE]
    if constants:
        return constants[0].removeprefix("new_").removesuffix("_like")
    return f"{tensors[0]}_once" if tensors else "constant"


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        inner = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(inner, str) and inner.isidentifier():
            owner = _word(node.value)
            return f"{owner}_{inner}" if owner else inner
        return _word(node.value)
    return (last_name(node) or (dotted(node) or "").rpartition(".")[2]).lstrip("_")
