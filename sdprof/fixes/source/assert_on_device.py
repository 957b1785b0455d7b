"""Let the device check what it computed itself, instead of waiting for the number to check it on the host."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.host_copy import in_place
from sdprof.fixes.source.reading.names import around, dotted, last_name, scope_of
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.seen import Values, is_tensor
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, number_read
from sdprof.model import FixMeta

META = FixMeta(
    id="assert-on-device",
    title="Check on the device what the device has computed",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=35,
)
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
TO_ONE = frozenset({"all", "any"})


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read one number."""
    return site.kind == "SYNC" and site.shape == () and site.op == "aten::_local_scalar_dense"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``assert x.max().item() < n`` → ``torch._assert_async(x.max() < n)``.

    The check is the same and stops the program as before, at the next wait for the device. Of a message that is made of
    the numbers nothing is left.
    """
    source, values = sources.of(site.where.file), values_at(site, 0)
    node = source.node_at(site.where)
    statement = next(
        (each for each in around(source, node, scope_of(source, node)) if isinstance(each, ast.Assert | ast.stmt)), None
    )
    if not isinstance(statement, ast.Assert) or not stands_alone(source, statement):
        raise DeclinedError("The number is not read by an assertion")
    torch, imports = torch_name(source)
    message = statement.msg
    told = f", {source.code(message)}" if isinstance(message, ast.Constant) and isinstance(message.value, str) else ""
    text = f"{torch}._assert_async({_on_device(source, statement.test, values)}{told})"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(in_place(source, statement, text),),  # type: ignore[arg-type]
            imports=imports,
            numerics="exact",
            proof="data",
            description="The device checks it; an assertion that fails is told at the next wait for the device.",
        ),
    )


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
