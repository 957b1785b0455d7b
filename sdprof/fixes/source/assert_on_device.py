"""Let the device check what it computed itself, instead of waiting for the number to check it on the host."""

from __future__ import annotations

import ast
from collections.abc import Collection

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import Scope, bindings, dotted, last_name, read_in, scope_of, statement_of
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import SAME_DEVICE_METHODS, Values, is_tensor
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, number_read
from sdprof.model import FixMeta

META = FixMeta(
    id="assert-on-device",
    title="Check on the device what the device has computed",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=15,
)
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
ARITHMETIC_ALONE = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)
ARITHMETIC = (*ARITHMETIC_ALONE, ast.Name, ast.expr_context)
READ_FOR_MORE = "The number is read for more than an assertion"
RAISED_THERE = frozenset({"RuntimeError", "AssertionError"})
TO_ONE = frozenset({"all", "any"})
GIVES_TENSORS = SAME_DEVICE_METHODS | {"isnan", "isinf", "isfinite", "isclose"}


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read one number, or asked whether two tensors are close."""
    one_number = site.shape == () and site.op == "aten::_local_scalar_dense"
    return site.kind == "SYNC" and (one_number or site.op == "aten::allclose")


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``assert x.max().item() < n`` → ``torch._assert_async(x.max() < n)``; of ``a and b``, one after the other.

    Also where numbers get a name first: ``error = x.sum().item()``, then ``assert error / n < 1e-3``, if nothing but
    assertions comes of them. The check is the same and stops the program as before, at the next wait for the device. Of
    a message that is made of the numbers nothing is left. ``assert torch.allclose(a, b)`` asks
    ``torch.isclose(a, b).all()``, and ``assert t + dt > t`` of tensors ``torch.as_tensor(t + dt > t)``.

    ``if x.isnan().any(): raise RuntimeError("…")`` → ``torch._assert_async(~x.isnan().any(), "…")``: what the device
    raises is a ``RuntimeError``, too.
    """
    source, values = sources.of(site.where.file), values_at(site, 0)
    node = source.node_at(site.where)
    torch, imports = torch_name(source)
    statement = statement_of(source, node)
    waited = node if site.dtype == "bool" else None
    if isinstance(statement, ast.Assert):
        tests = _together(statement.test)
        known = len(tests) > 1 and [each for each in tests if _host_knows(source, each, values)]
        there = {
            each: _there(source, each, values, torch, awaited=each is waited)
            for each in tests
            if not known or each not in known
        }
        changes = [_checked(source, statement, torch, [(each, there.get(each)) for each in tests])]
    elif isinstance(statement, ast.If) and (error := _raised(statement)) is not None:
        wrong = _there(source, statement.test, values, torch, awaited=statement.test is waited)
        changes = [_checked_not(source, statement, torch, wrong, error)]
    else:
        changes = _through_names(source, statement, torch, values)
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(sorted(changes, key=lambda change: (change.start, change.end))),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The device checks it; an assertion that fails is told at the next wait for the device.",
        ),
    )


def _together(test: ast.expr) -> list[ast.expr]:
    """What ``a and b`` asks one after the other: where one fails, it does not matter what the next would say."""
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]


def _host_knows(source: ModuleSource, test: ast.expr, values: Values) -> bool:
    """Whether a part is a comparison of the host's own numbers, which is asserted as before."""
    parts = [test.left, *test.comparators] if isinstance(test, ast.Compare) else []
    return bool(parts) and all(
        number_read(each) is None and not is_tensor(each, values) and number_type(source, each, values)
        for each in parts
    )


def _checked(
    source: ModuleSource, statement: ast.Assert, torch: str, tests: list[tuple[ast.expr, str | None]]
) -> Replacement:
    if not stands_alone(source, statement):
        raise DeclinedError("The assertion shares its line with other code")
    told = _told(source, statement.msg)
    start, end = source.span(statement)
    indent = source.text[source.line_start(statement.lineno) : start]
    text = f"\n{indent}".join(
        f"assert {source.code(test)}{told}" if there is None else f"{torch}._assert_async({there}{told})"
        for test, there in tests
    )
    return Replacement(start=start, end=end, text=text)


def _told(source: ModuleSource, message: ast.expr | None) -> str:
    """The message as an argument, if it is written out."""
    return f", {source.code(message)}" if isinstance(message, ast.Constant) and isinstance(message.value, str) else ""


def _raised(statement: ast.If) -> ast.Call | None:
    """The error of ``if wrong: raise RuntimeError("…")``, of a kind that the device raises as well."""
    alone = len(statement.body) == 1 and not statement.orelse
    raised = statement.body[0] if alone else None
    error = raised.exc if isinstance(raised, ast.Raise) and raised.cause is None else None
    if isinstance(error, ast.Name):
        error = ast.Call(func=error, args=[], keywords=[])
    named = isinstance(error, ast.Call) and isinstance(error.func, ast.Name) and error.func.id in RAISED_THERE
    return error if named and isinstance(error, ast.Call) else None


def _checked_not(source: ModuleSource, statement: ast.If, torch: str, wrong: str, error: ast.Call) -> Replacement:
    start, end = source.span(statement)
    if not stands_alone(source, statement) or not source.text[start:].startswith("if"):
        raise DeclinedError("The check shares its line with other code, or is one branch of several")
    told = _told(source, error.args[0] if error.args else None)
    plain = isinstance(statement.test, ast.Call | ast.Subscript | ast.Name) or wrong.startswith(f"{torch}.as_tensor(")
    return Replacement(
        start=start, end=end, text=f"{torch}._assert_async({f'~{wrong}' if plain else f'~({wrong})'}{told})"
    )


def _through_names(source: ModuleSource, first: ast.stmt, torch: str, values: Values) -> list[Replacement]:
    """Leave the numbers on the device that nothing but assertions is made of.

    :raises DeclinedError: one of them is used for something else.
    """
    scope = scope_of(source, first)
    asserted: dict[ast.Assert, None] = {}
    reads: dict[ast.Assign, ast.expr | None] = {}
    waiting: list[ast.stmt] = [first]
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, ast.Assert):
            asserted[statement] = None
            waiting += [each for name in read_in(statement.test) for each in _numbers_named(scope, name, reads)]
            continue
        name = _number_given(statement)
        if name is None or not isinstance(statement, ast.Assign) or len(bindings(scope, name)) != 1:
            raise DeclinedError(READ_FOR_MORE)
        reads[statement] = number_read(statement.value)
        waiting += [each for read in read_in(statement.value) for each in _numbers_named(scope, read, reads)]
        uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == name]
        users = [statement_of(source, each) for each in uses if isinstance(each.ctx, ast.Load)]
        waiting += [each for each in users if each not in asserted and each not in reads and each not in waiting]
    names = {_number_given(each) for each in reads}
    tests = {
        each: [
            (test, _comparison(source, test, names, values) if read_in(test) & names else None)
            for test in _together(each.test)
        ]
        for each in asserted
    }
    changes = [_checked(source, each, torch, test) for each, test in tests.items()]
    changes += [
        in_place(source, each.value, in_parentheses(source, read)) for each, read in reads.items() if read is not None
    ]
    return changes


def _numbers_named(scope: Scope, name: str, known: Collection[ast.stmt]) -> list[ast.stmt]:
    """The statement that reads a number from the device under this name, if it is not known yet."""
    bound = bindings(scope, name)
    found = [each.node for each in bound if isinstance(each.node, ast.Assign) and number_read(each.node.value)]
    return [each for each in found if each not in known]


def _number_given(statement: ast.stmt) -> str | None:
    """``n`` of ``n = x.sum().item()`` and of ``n = error / (largest + eps)``."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, value = statement.targets[0], statement.value
    plain = number_read(value) is not None or all(isinstance(each, ARITHMETIC) for each in ast.walk(value))
    whole = isinstance(value, ast.Call) and last_name(value.func) == "int"
    return target.id if isinstance(target, ast.Name) and plain and not whole else None


def _comparison(source: ModuleSource, test: ast.expr, names: Collection[str | None], values: Values) -> str:
    """The text of one comparison of arithmetic with these names and numbers."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ORDERS)):
        raise DeclinedError("What is asserted is more than one comparison of what lies on the device")
    for each in ast.walk(test):
        if isinstance(each, (ast.Compare, ast.cmpop, *ARITHMETIC_ALONE)):
            continue
        if isinstance(each, ast.Name) and (each.id in names or number_type(source, each, values) is not None):
            continue
        if not isinstance(each, ast.expr_context):
            raise DeclinedError("It was not seen that the other side of the comparison is a number")
    return source.code(test)


def _there(source: ModuleSource, test: ast.expr, values: Values, torch: str, *, awaited: bool) -> str:
    """The text of a truth value on the device that says the same as a test on the host.

    :param awaited: whether its own truth was waited for, so that it lay on the device in the watched run.
    :raises DeclinedError: the text does not show it, and nothing was seen.
    """
    seen = _seen_there(source, test, values) if awaited else ""
    try:
        return seen or _on_device(source, test, values)
    except DeclinedError:
        compares = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ORDERS)
        if compares and isinstance(test, ast.Compare) and (text := _read_beside_path(source, test)) is not None:
            return f"{torch}.as_tensor({text})"
        joins = isinstance(test, ast.BinOp) and isinstance(test.op, ast.BitAnd | ast.BitOr)
        if not awaited or not (compares or joins):
            raise
        return f"{torch}.as_tensor({source.code(test)})"  # another caller may compare numbers of the host


def _read_beside_path(source: ModuleSource, test: ast.Compare) -> str | None:
    """``t[0] > self.steps`` of ``t[0].item() > self.steps``: a number or a tensor, which compare alike."""
    sides = (test.left, test.comparators[0])
    reads = [each for each in sides if isinstance(each, ast.Call) and last_name(each.func) == "item"]
    others = [each for each in sides if each not in reads]
    tensors = [(each, number_read(each)) for each in reads]
    if len(reads) != 1 or dotted(others[0]) is None:
        return None
    return source.code_with(test, [(each, source.code(tensor)) for each, tensor in tensors if tensor is not None])


def _seen_there(source: ModuleSource, test: ast.expr, values: Values) -> str:
    """The text of a comparison whose truth was awaited, so that it lies on the device; empty where it need not."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ORDERS)):
        return ""
    sides = (test.left, test.comparators[0])
    tensors = [each for each in sides if _gives_tensor(source, each, values)]
    others = [each for each in sides if each not in tensors]
    numbers = all(number_type(source, each, values) is not None and number_read(each) is None for each in others)
    return source.code(test) if tensors and numbers else ""


def _gives_tensor(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """``torch.isnan(x).sum()``: a tensor, whatever it is computed from."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in GIVES_TENSORS:
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    of_tensor = owner is not None and (is_tensor(owner, values) is True or _gives_tensor(source, owner, values))
    return is_torch_call(source, node) or of_tensor


def _on_device(source: ModuleSource, test: ast.expr, values: Values) -> str:
    """The text of a truth value on the device that says the same as a test on the host.

    :raises DeclinedError: it is not one comparison, nor ``all`` or ``any``, of what lies on the device.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _on_device(source, test.operand, values)
        return f"~({inner})" if isinstance(test.operand, ast.Compare) else f"~{inner}"
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ORDERS):
        sides = (test.left, test.comparators[0])
        texts = [_side(source, each, values) for each in sides]
        if any(number_type(source, each, values) is None for each in sides if number_read(each) is None):
            raise DeclinedError("It was not seen that the other side of the comparison is a number")
        between = source.text[source.span(sides[0])[1] : source.span(sides[1])[0]].strip(" ()")
        return f"{texts[0]} {between} {texts[1]}"
    if isinstance(test, ast.Call) and last_name(test.func) in TO_ONE:
        plain = not test.keywords and len(test.args) == (1 if is_torch_call(source, test) else 0)
        if plain and (is_torch_call(source, test) or isinstance(test.func, ast.Attribute)):
            return source.code(test)
    if isinstance(test, ast.Call) and last_name(test.func) == "allclose" and isinstance(test.func, ast.Attribute):
        (start, end), behind = source.span(test.func.value), source.span(test.func)[1]
        return f"{source.text[start:end]}.isclose{source.text[behind : source.span(test)[1]]}.all()"
    raise DeclinedError("What is asserted is more than one comparison of what lies on the device")


def _side(source: ModuleSource, node: ast.expr, values: Values) -> str:
    read = number_read(node)
    if read is None:
        if is_tensor(node, values) and dotted(node) is None:
            raise DeclinedError("It was not seen that the other side of the comparison is a number")
        return source.code(node)
    if isinstance(node, ast.Call) and last_name(node.func) == "int":
        raise DeclinedError("The number is rounded on the way")
    return in_parentheses(source, read)
