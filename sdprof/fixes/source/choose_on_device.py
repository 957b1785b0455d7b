"""Let the device choose between two values that it computed itself, instead of waiting for what decides."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.unchanging import overlap, written_into
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.gradients import may_want_gradients
from sdprof.fixes.source.reading.names import last_name, scope_of, statement_of
from sdprof.fixes.source.reading.seen import SAME_DEVICE_METHODS, Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import augmented, stands_alone
from sdprof.fixes.source.reading.tensor_calls import FLOATS, is_torch_call, number_read
from sdprof.model import FixMeta, SeenValue

META = FixMeta(
    id="choose-on-device",
    title="Choose on the device between values that it computed",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=22,
)
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
TRUTHS = frozenset({"all", "any", "isnan", "isinf", "isfinite"})
LIKE = frozenset({"zeros_like", "ones_like", "full_like"})
HARMLESS = frozenset({"abs", "neg", "clamp", "clip", "nan_to_num"})
ELEMENTWISE = HARMLESS | {"sqrt", "square", "exp", "log", "tanh", "sigmoid"}
TO_ONE = frozenset({"min", "max", "amin", "amax", "mean", "sum", "norm", "std", "var"})
NUMBERS = (int, float)
NO_CHOICE = "What is decided is more than which of two values a name has"


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read one number."""
    return site.kind == "SYNC" and site.op == "aten::_local_scalar_dense" and site.shape == ()


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``if x.abs().max() > 1: x = x / x.abs().max()`` → ``x = torch.where(x.abs().max() > 1, x / x.abs().max(), x)``.

    Both are computed, and the device takes one of them. Only of arithmetic that draws nothing, where the value has the
    same shape and type as the name had. ``x += 1`` writes in place as before: ``x.copy_(torch.where(…, x + 1, x))``.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    source, values = sources.of(site.where.file), values_at(site, 0)
    node = source.node_at(site.where)
    statement = statement_of(source, node)
    if not isinstance(statement, ast.If) or node not in list(ast.walk(statement.test)):
        raise DeclinedError(NO_CHOICE)
    if statement.orelse or len(statement.body) != 1:
        raise DeclinedError(NO_CHOICE)
    start, end = source.span(statement)
    if not stands_alone(source, statement) or not source.text[start:].startswith("if"):
        raise DeclinedError("The choice shares its line with other code, or is one branch of several")
    if not _is_harmless(statement.body[0], values) and may_want_gradients(site, sources):
        raise DeclinedError("Gradients may be wanted: what is not chosen may have none that is a number")
    torch, imports = torch_name(source)
    chosen = _chosen(source, statement.body[0], values)
    if chosen is None:
        raise DeclinedError(NO_CHOICE)
    name, other, in_place = chosen
    written = any(overlap(name, each) for each in written_into(scope_of(source, statement)))
    if written and not in_place:
        raise DeclinedError(f"{name} is written to: where nothing is chosen, it has to stay what it was")
    where = f"{torch}.where({_truth(source, statement.test, values, torch)}, {other}, {name})"
    text = f"{name}.copy_({where})" if in_place else f"{name} = {where}"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(Replacement(start=start, end=end, text=text),),
            imports=imports,
            numerics="exact",
            proof="data",
            description="Both values are computed, and the device takes one; what decides is never read.",
        ),
    )


def _chosen(source: ModuleSource, statement: ast.stmt, values: Values) -> tuple[str, str, bool] | None:
    """The name that is given another value, the text of that value, and whether it is written in place."""
    target: ast.expr
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, OPERATORS):
        target, value = statement.target, statement.value
    else:
        return None
    seen = value_of(target, values) if isinstance(target, ast.Name) else None
    if not isinstance(target, ast.Name) or seen is None or (seen.kind, seen.device) != ("tensor", "cuda"):
        return None
    if seen.dtype not in FLOATS:
        return None
    if isinstance(statement, ast.AugAssign):
        if not _is_beside(source, value, target.id, seen, values):
            return None
        return target.id, augmented(source, statement, target.id, source.code(value)), True
    alike = _is_alike(source, value, target.id, seen, values)
    return (target.id, source.code(value), False) if alike else None


def _is_harmless(statement: ast.stmt, values: Values) -> bool:
    """Whether what is not chosen has a gradient of zero: it holds no quotient, root or product that may be infinite."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Mult | ast.Div):
        return _is_number(statement.value, values)
    for each in ast.walk(statement):
        if isinstance(each, ast.Call) and last_name(each.func) not in LIKE | HARMLESS:
            return False
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mult | ast.Div):
            sides = (each.right,) if isinstance(each.op, ast.Div) else (each.left, each.right)
            if not any(_is_number(side, values) for side in sides):
                return False
    return True


def _is_alike(source: ModuleSource, node: ast.expr, name: str, seen: SeenValue, values: Values) -> bool:
    """Whether a value has the shape and type of a name, and nothing but arithmetic makes it."""
    if isinstance(node, ast.Name | ast.Attribute):
        other = value_of(node, values)
        same = other is not None and (other.kind, other.device) == ("tensor", "cuda")
        return getattr(node, "id", "") == name or (
            same and other is not None and (other.shape, other.dtype) == (seen.shape, seen.dtype)
        )
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_alike(source, node.operand, name, seen, values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, OPERATORS):
        sides = (node.left, node.right)
        return any(
            _is_alike(source, one, name, seen, values) and _is_beside(source, other, name, seen, values)
            for one, other in (sides, sides[::-1])
        )
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(each.value for each in node.keywords)]
    if is_torch_call(source, node) and given:
        of, given = given[0], given[1:]
        known = last_name(node.func) in LIKE | ELEMENTWISE and all(each.arg is not None for each in node.keywords)
    elif isinstance(node.func, ast.Attribute):
        of, known = node.func.value, node.func.attr in ELEMENTWISE
    else:
        return False
    return known and _is_alike(source, of, name, seen, values) and all(_is_number(each, values) for each in given)


def _is_beside(source: ModuleSource, node: ast.expr, name: str, seen: SeenValue, values: Values) -> bool:
    """Whether arithmetic with a value leaves the shape and type of the name: a number, or one of the same type."""
    if _is_number(node, values) or _is_alike(source, node, name, seen, values):
        return True
    other = value_of(node, values)
    if other is not None:
        return (other.kind, other.device, other.shape, other.dtype) == ("tensor", "cuda", (), seen.dtype)
    reduced = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TO_ONE
    if not reduced or not isinstance(node, ast.Call) or node.args or node.keywords or is_torch_call(source, node):
        return False
    assert isinstance(node.func, ast.Attribute)
    return _is_alike(source, node.func.value, name, seen, values)


def _is_number(node: ast.expr, values: Values) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand, values)
    seen = value_of(node, values)
    return seen.kind == "number" if seen is not None else isinstance(node, ast.Constant) and type(node.value) in NUMBERS


def _truth(source: ModuleSource, test: ast.expr, values: Values, torch: str) -> str:
    """The text of a truth value on the device.

    :raises DeclinedError: it was not seen that the test is one comparison of what lies there.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(source, test.operand, values, torch)
        return f"~({inner})" if isinstance(test.operand, ast.Compare) else f"~{inner}"
    if isinstance(test, ast.Call) and last_name(test.func) in TRUTHS and _is_computed(source, test, values):
        return source.code(test)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ORDERS):
        sides = (test.left, test.comparators[0])
        reads = [(each, number_read(each)) for each in sides]
        read = [(each, tensor) for each, tensor in reads if tensor is not None and last_name(each.func) == "item"]  # type: ignore[attr-defined]
        tensors = [each for each in sides if is_tensor(dict(read).get(each, each), values, "cuda") is True]
        if not tensors or not all(each in tensors or _is_number(each, values) for each in sides):
            raise DeclinedError("It was not seen that a tensor on the device is compared with another or a number")
        text = source.code_with(test, [(each, source.code(tensor)) for each, tensor in read])
        surely = any(_is_computed(source, dict(read).get(each, each), values) for each in tensors)
        return text if surely else f"{torch}.as_tensor({text})"  # another caller may compare numbers of the host
    raise DeclinedError("What decides is more than one comparison of what lies on the device")


def _is_computed(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """``x.max()``, ``torch.isnan(x)``: a tensor, whoever calls."""
    if not isinstance(node, ast.Call):
        return False
    if is_torch_call(source, node):
        return bool(node.args) and is_tensor(node.args[0], values, "cuda") is True
    of = node.func.value if isinstance(node.func, ast.Attribute) else None
    known = last_name(node.func) in SAME_DEVICE_METHODS | TRUTHS
    return known and of is not None and (is_tensor(of, values, "cuda") is True or _is_computed(source, of, values))
