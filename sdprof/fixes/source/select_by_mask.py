"""Write some elements of a tensor by a mask without asking the device how many they are."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.collecting.carried_entries import CarriedEntries, carried_entries
from sdprof.fixes.source.reading.collecting.functions_of_one import FUNCTIONS_OF_ONE, is_function_of_one
from sdprof.fixes.source.reading.collecting.named_entries import ELEMENTWISE, NamedEntries, is_formula, rounds_alike
from sdprof.fixes.source.reading.collecting.selected_entries import mask_behind, selected_entry
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.gradients import may_want_gradients
from sdprof.fixes.source.reading.names import bindings, dotted, is_free, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.straight_line import augmented, stands_alone, without
from sdprof.fixes.source.reading.tensor_calls import is_torch_call
from sdprof.model import FixMeta, SeenValue

META = FixMeta(
    id="select-by-mask",
    title="Choose between tensors by a mask without counting its elements",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=10,
)

IEEE_METHODS = frozenset({"abs", "clamp", "clip", "neg", "relu", "sqrt", "square"})
"""What IEEE 754 rounds, or nothing does: a vector unit and the loop over what is left of it give the same."""
CHOSEN = "Every element is chosen on the device; how many the mask selects is never asked."
ENTRIES = ("entries", "chosen_entries", "entry_of_each")


def concerns(site: SiteEvidence) -> bool:
    """Whether the host asked for the number of elements that a mask selects."""
    return site.kind == "SYNC" and (site.op.startswith("aten::index") or "index_put" in site.op)


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``x[mask] = y[mask]`` → ``x.copy_(torch.where(mask, y, x))``, in place as before.

    ``x`` may be a slice: ``x[:, a:b]``. ``y[mask]`` may stand in sums and products with numbers and with other entries
    of the same mask; a scalar on the device may be written, too. A mask of fewer dimensions selects along the first
    ones, and that of ``x[:, mask]`` along those behind the first.

    ``kept = y[mask]``, and then ``x[mask] = kept``, become ``x.copy_(torch.where(mask, y, x))`` at the second place; so
    does ``x[mask] = formula(kept)``, of sums, products and small functions of these.

    ``x[mask, y[mask]] = 0`` → ``entries = torch.where(mask, y, 0).unsqueeze(-1)`` and ``x.scatter_(-1, entries, …)``.
    An index out of range is an assertion of the device instead of an ``IndexError``, and so is a negative one.
    """
    source, values = sources.of(site.where.file), site.stack[0].values
    statement = statement_of(source, source.node_at(site.where))
    carried = carried_entries(source, statement)
    if carried is not None and statement is carried.put:
        return (_carried_over(site, source, carried, values),)
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ELEMENTWISE):
        target = statement.target
    if not isinstance(target, ast.Subscript) or (dotted(target.value) is None and _sliced(target.value) is None):
        raise DeclinedError("The elements that a mask selects are used by themselves: how many they are matters")
    assert isinstance(statement, ast.Assign | ast.AugAssign)
    behind = mask_behind(target.slice)
    if behind is None and isinstance(target.slice, ast.Tuple) and isinstance(statement, ast.Assign):
        return (_one_of_each_row(site, source, statement, target, values),)
    before, selecting = behind or (0, target.slice)
    mask = _mask_that_waited(site, selecting, statement)
    written = _written(target.value, mask, values)
    if written is None or mask is None or written.device != "cuda" or mask.device != "cuda":
        raise DeclinedError("It was not seen that a mask on the device selects from a tensor there")
    if written.shape[before : before + len(mask.shape)] != mask.shape:
        raise DeclinedError("The mask has not the shape of the dimensions that it selects from")
    if _may_be_infinite(statement.value) and may_want_gradients(site, sources):
        raise DeclinedError(
            "Gradients may be wanted: of what the mask does not select, a quotient or root may have none"
        )
    torch, imports = torch_name(source)
    x, chosen = source.code(target.value), in_parentheses(source, selecting)
    missing = len(written.shape) - len(mask.shape) - before
    broadcast = f"{chosen}[{', '.join(['...', *['None'] * missing])}]" if missing else source.code(selecting)
    fits = not missing and not before and not isinstance(target.slice, ast.Tuple)
    named = NamedEntries(source, statement, target.slice)
    other = _everywhere(source, statement.value, target.slice, written, values, named if fits else None)
    if _may_be_infinite(ast.parse(f"(\n{other}\n)", mode="eval")) and may_want_gradients(site, sources):
        raise DeclinedError(
            "Gradients may be wanted: of what the mask does not select, a quotient or root may have none"
        )
    start, end = source.span(statement)
    if isinstance(statement, ast.AugAssign):
        other = augmented(source, statement, x, other)
    text = f"{x}.copy_({torch}.where({broadcast}, {other}, {x}))"
    changes = (*named.needless(), Replacement(start=start, end=end, text=text))
    edit = _edit(site, source, changes, imports, CHOSEN)
    return (replace(edit, numerics="rounding", proof="arithmetic") if _rounds_elsewhere(other) else edit,)


def _sliced(node: ast.expr) -> ast.expr | None:
    """``x`` of ``x[:, a:b]``, a view that is the same each time it is asked for."""
    if not isinstance(node, ast.Subscript) or dotted(node.value) is None:
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    acts = any(isinstance(each, ast.Call | ast.NamedExpr | ast.Await) for each in ast.walk(node.slice))
    return node.value if all(isinstance(each, ast.Slice) for each in parts) and not acts else None


def _written(node: ast.expr, mask: SeenValue | None, values: Values) -> SeenValue | None:
    """What was seen of what is written to; of a slice with as many dimensions as the mask has, it has its shape."""
    of = _sliced(node)
    if of is None:
        return value_of(node, values)
    seen = value_of(of, values)
    fits = seen is not None and mask is not None and seen.kind == "tensor" and len(seen.shape) == len(mask.shape)
    return replace(seen, shape=mask.shape) if fits and seen is not None and mask is not None else None


def _edit(
    site: SiteEvidence, source: ModuleSource, changes: tuple[Replacement, ...], imports: tuple[str, ...], said: str
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=changes,
        imports=imports,
        numerics="exact",
        proof="data",
        description=said,
    )


def _carried_over(site: SiteEvidence, source: ModuleSource, carried: CarriedEntries, values: Values) -> Edit:
    """``kept = y[mask]``, then ``x[mask] = kept`` → ``x.copy_(torch.where(mask, y, x))``."""
    y, mask = value_of(carried.giver, values), value_of(carried.target.slice, values)
    x = value_of(carried.target.value, values)
    if x is None or y is None or mask is None or {x.device, y.device, mask.device} != {"cuda"} or mask.dtype != "bool":
        raise DeclinedError("It was not seen that a mask on the device selects from a tensor there")
    if not mask.shape == y.shape == x.shape or x.dtype != y.dtype:
        raise DeclinedError("What the mask selects from and what is written to have not the same shape and type")
    torch, imports = torch_name(source)
    written, of = source.code(carried.target.value), source.code(carried.giver)
    start, end = source.span(carried.put)
    text = f"{written}.copy_({torch}.where({source.code(carried.target.slice)}, {of}, {written}))"
    return _edit(
        site, source, (*without(source, [carried.taken]), Replacement(start=start, end=end, text=text)), imports, CHOSEN
    )


def _one_of_each_row(
    site: SiteEvidence, source: ModuleSource, statement: ast.Assign, target: ast.Subscript, values: Values
) -> Edit:
    """``x[mask, y[mask]] = 0``: in the rows that the mask selects, the entry whose number another tensor holds."""
    chosen = selected_entry(target.slice)
    if chosen is None or dotted(chosen[0]) is None or not _is_number(statement.value, values):
        raise DeclinedError("No number is written to one entry of each row that a mask selects")
    mask, entry = (value_of(each, values) for each in chosen)
    written = value_of(target.value, values)
    if mask is None or entry is None or written is None or {mask.device, entry.device, written.device} != {"cuda"}:
        raise DeclinedError("It was not seen that a mask on the device selects from a tensor there")
    if (mask.dtype, entry.dtype) != ("bool", "int64") or not mask.shape == entry.shape == written.shape[:-1]:
        raise DeclinedError("Mask and entries have not the shape of the rows of what is written to")
    name = next((each for each in ENTRIES if is_free(scope_of(source, statement), each)), None)
    if name is None or not stands_alone(source, statement):
        raise DeclinedError("No name is left for the entries, or the statement shares its line with another one")
    torch, imports = torch_name(source)
    x, selects, of = source.code(target.value), source.code(chosen[0]), source.code(chosen[1])
    start, end = source.span(statement)
    indent = source.text[source.line_start(statement.lineno) : start]
    fresh = f"{x}.gather(-1, {name}).masked_fill({selects}.unsqueeze(-1), {source.code(statement.value)})"
    text = f"{name} = {torch}.where({selects}, {of}, 0).unsqueeze(-1)\n{indent}{x}.scatter_(-1, {name}, {fresh})"
    return _edit(
        site,
        source,
        (Replacement(start=start, end=end, text=text),),
        imports,
        "One entry of each row is written, as it was where the mask selects none; nothing is counted.",
    )


def _mask_that_waited(site: SiteEvidence, node: ast.expr, statement: ast.Assign | ast.AugAssign) -> SeenValue | None:
    """What the event shows of the mask; where it shows nothing, what was seen of the names in it."""
    if site.dtype == "bool" and site.shape is not None and not isinstance(node, ast.Tuple):
        called = any(isinstance(each, ast.Call) for each in ast.walk(node))
        again = any(ast.dump(each) == ast.dump(node) for each in ast.walk(statement.value))
        if not (called and again):  # what is called twice need not give the same
            return SeenValue(kind="tensor", device="cuda", dtype="bool", shape=site.shape)
    return _mask(node, site.stack[0].values)


def _mask(node: ast.expr, values: Values) -> SeenValue | None:
    """What was seen of the tensor that a mask is made of, where the mask is one of truth values."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return _mask(node.operand, values)
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        if isinstance(node.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn):
            return None
        number = node.comparators[0]
        seen = value_of(node.left, values)
        return seen if seen is not None and seen.kind == "tensor" and _is_number(number, values) else None
    seen = value_of(node, values)
    return seen if seen is not None and seen.kind == "tensor" and seen.dtype == "bool" else None


def _everywhere(
    source: ModuleSource,
    value: ast.expr,
    mask: ast.expr,
    written: SeenValue,
    values: Values,
    named: NamedEntries | None,
) -> str:
    """The value without the mask: computed for every element instead of for those that it selects.

    :param named: entries that a name stands for; None where the mask has not all the dimensions of what is written to,
        and so of what it selects from.
    :raises DeclinedError: something in it is no entry of the same mask, no number and no arithmetic with these.
    """

    def everywhere(part: ast.expr) -> str:
        return _everywhere(source, part, mask, written, values, named)

    if isinstance(value, ast.BinOp) and rounds_alike(value) and not _is_scalar(value, values):
        sides = (value.left, value.right) if isinstance(value.op, ELEMENTWISE) else (value.left,)
        return source.code_with(value, [(each, everywhere(each)) for each in sides])
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub) and not _is_scalar(value, values):
        return source.code_with(value, [(value.operand, everywhere(value.operand))])
    if isinstance(value, ast.Subscript) and ast.dump(value.slice) == ast.dump(mask):
        seen = value_of(value.value, values)
        like = seen is not None and (seen.kind, seen.shape, seen.dtype) == ("tensor", written.shape, written.dtype)
        if not like and (seen is not None or named is None):
            raise DeclinedError(f"It was not seen that {source.code(value.value)} has the shape and type of the target")
        # A mask of all dimensions selects from tensors of its own shape alone, and writes in the target's type alone.
        return in_parentheses(source, value.value)
    if (
        isinstance(value, ast.Call)
        and ast.unparse(value.func).endswith(".clone")
        and not (value.args or value.keywords)
    ):
        assert isinstance(value.func, ast.Attribute)
        return everywhere(value.func.value)  # what is chosen has memory of its own anyway
    if isinstance(value, ast.Call) and (_rounds_alike(value, values) or is_function_of_one(source, value)):
        assert isinstance(value.func, ast.Attribute)
        of = value.args[0] if is_torch_call(source, value) else value.func.value
        return source.code_with(value, [(of, everywhere(of))])
    if isinstance(value, ast.Call) and named is not None and is_formula(source, value):
        return source.code_with(value, [(each, everywhere(each)) for each in value.args])
    if _is_scalar(value, values, written.dtype):
        return source.code(value)
    if isinstance(value, ast.Name) and named is not None and (whole := named.whole(value)) is not None:
        return in_parentheses(source, whole)
    if isinstance(value, ast.Name) and _is_number_made(source, value, values):
        return source.code(value)
    if isinstance(value, ast.Name) and named is not None and (formula := named.formula(value)) is not None:
        return f"({everywhere(formula)})"
    raise DeclinedError("What is written is not what the same mask selects from another tensor")


def _rounds_elsewhere(text: str) -> bool:
    """Whether there is a function in it whose last bits may depend on where in a vector an element stands."""
    calls = [each for each in ast.walk(ast.parse(f"(\n{text}\n)", mode="eval")) if isinstance(each, ast.Call)]
    return any(last_name(each.func) in FUNCTIONS_OF_ONE for each in calls)


def _may_be_infinite(value: ast.AST) -> bool:
    """Whether there is a quotient, a root or a function: infinity times the zero of what is not chosen is no number."""
    parts = list(ast.walk(value))
    calls = [each for each in parts if isinstance(each, ast.Call)]
    functions = FUNCTIONS_OF_ONE | {"sqrt"}
    unknown = any(last_name(each.func) in functions or isinstance(each.func, ast.Name) for each in calls)
    return unknown or any(isinstance(each, ast.Div) for each in parts)


def _is_number_made(source: ModuleSource, name: ast.Name, values: Values) -> bool:
    """A name that the function gives a number, of numbers alone."""
    bound = bindings(scope_of(source, name), name.id)
    made = bound[0].value if [each.kind for each in bound] == ["assignment"] else None
    return made is not None and _is_number(made, values)


def _rounds_alike(call: ast.Call, values: Values) -> bool:
    """``….clamp(min=0).sqrt()``: of one element at a time, and the same bits wherever the element stands."""
    if not isinstance(call.func, ast.Attribute):
        return False
    given = [*call.args, *(each.value for each in call.keywords)]
    square = call.func.attr == "pow" and [ast.unparse(each) for each in given] == ["2"]
    return square or (call.func.attr in IEEE_METHODS and all(_is_number(each, values) for each in given))


def _is_scalar(node: ast.expr, values: Values, dtype: str = "") -> bool:
    """A Python number, or a tensor of one on the device of this dtype."""
    entry = isinstance(node, ast.Subscript) and _is_number(node.slice, values)
    seen = value_of(node.value if isinstance(node, ast.Subscript) else node, values)
    on_device = seen is not None and (seen.kind, seen.dtype, seen.device) == ("tensor", dtype, "cuda")
    return (on_device and seen is not None and len(seen.shape) == entry) or _is_number(node, values)


def _is_number(node: ast.expr, values: Values) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand, values)
    if isinstance(node, ast.BinOp):
        return _is_number(node.left, values) and _is_number(node.right, values)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("min", "max", "float", "int")
    ):
        return bool(node.args) and not node.keywords and all(_is_number(each, values) for each in node.args)
    if isinstance(node, ast.Subscript) and value_of(node, values) is None:  # an entry of a row of numbers on the host
        row = value_of(node.value, values)
        return row is not None and row.kind == "array" and len(row.shape) == 1 and _is_number(node.slice, values)
    seen = value_of(node, values)
    return seen is not None and (seen.kind == "number" or (seen.kind == "array" and seen.shape == ()))
