"""Index with whole numbers of the host's without sending them to the device at each visit."""

from __future__ import annotations

import ast
from typing import TypeGuard

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import bindings, dotted, last_name, scope_of
from sdprof.fixes.source.reading.on_device.host_trees import COUNTS, REARRANGES, with_device
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_number as known_number
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.tensor_calls import is_only_read, is_torch_call, keyword, number_beside
from sdprof.model import FixMeta

META = FixMeta(
    id="index-copied-once",
    title="Index with numbers of the host without sending them at each visit",
    kind="source",
    numerics="exact",
    removes=("host-to-device-in-loop",),
    order=9,
)
MOST_BYTES = 2**16
"""Larger indices are not compared by their content at each visit."""


def concerns(site: SiteEvidence) -> bool:
    """Whether whole numbers went to the device."""
    return site.kind == "H2D" and site.dtype == "int64" and bool(site.shape)


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``x[:, [-1]]`` → ``x[:, -1:]``, and ``x[:, columns]`` of arrays that recur → ``x[:, _on_device(…, x.device)]``.

    Of several indices, those that count are made there: ``x[torch.arange(n, device=x.device), columns]``; of a tuple
    with a name, those on the host are kept there.

    The helper sends an index once, however many take turns. A number that is written there is made on the device.
    """
    source, values = sources.of(site.where.file), values_at(site, 0)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Subscript):
        raise DeclinedError("The numbers that are copied are no index in this expression")
    named = _named_tuple(source, node.slice)
    if named is not None:
        return (_members_there(site, source, named, values),)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    indices = [each for each in parts if not _selects_plainly(each)]
    if not indices:
        raise DeclinedError("The numbers that are copied are no index in this expression")
    if len(indices) > 1:
        return (_several(site, source, node, indices, values),)
    (index,) = indices
    if isinstance(index, ast.List):
        return (_sliced(site, source, node, parts, index, values),)
    if not _is_held(index, values) or dotted(node.value) is None:
        raise DeclinedError("The index, or what is indexed, is computed in the same expression")
    seen = value_of(index, values)
    if is_tensor(index, values, "cuda") or (seen is not None and seen.kind not in ("array", "other")):
        raise DeclinedError("The index is no array or list of numbers on the host")
    if site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The index is too large to be compared at each visit")
    torch, imports = torch_name(source)
    numbers = source.code(index)
    if isinstance(index, ast.BinOp) or (seen is not None and seen.kind == "other"):
        numbers += f", dtype=None if {numbers} else {torch}.long"  # an empty list has no type, and selects nothing
    text = f"_on_device({torch}.as_tensor({numbers}), {in_parentheses(source, node.value)}.device)"
    said = "A helper keeps each index on the device while its content is the same."
    changes = [in_place(source, index, text), *_number_written(source, node, torch, values)]
    return (_edit(site, source, changes, said, ("_on_device",), imports),)


def _is_held(index: ast.expr, values: Values) -> bool:
    """``columns``, ``self.columns``, ``tables[i]``, or lists of whole numbers in a row: ``left + right``."""
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add):
        parts = [value_of(each, values) for each in (index.left, index.right)]
        return all(each is not None and (each.type_name, each.dtype) == ("list", "int") for each in parts)
    return isinstance(index, ast.Name | ast.Attribute | ast.Subscript)


def _several(
    site: SiteEvidence, source: ModuleSource, node: ast.Subscript, indices: list[ast.expr], values: Values
) -> Edit:
    if is_tensor(node.value, values, "cuda") is not True or dotted(node.value) is None:
        raise DeclinedError("It was not seen that what is indexed lies on the device")
    device, changes, helpers = f"{source.code(node.value)}.device", list[Replacement](), set[str]()
    torch, imports = torch_name(source)
    for each in indices:
        seen, counted = value_of(each, values), _counted(source, each)
        code = source.code(each)
        if seen is not None and (seen.kind == "array" or seen.dtype == "int") and seen.shape:
            code = f"{torch}.as_tensor({code})"
        elif is_tensor(each, values, "cuda") is True or known_number(source, each, values):
            continue
        elif _is_kept_in(each, values):
            code = f"{torch}.as_tensor({code}, dtype=None if {code} else {torch}.long)"  # an empty list has no type
            seen = value_of(each.value, values)
        if counted is not None:
            changes.append(with_device(source, counted, device))
        elif seen is not None and (seen.kind != "tensor" or seen.device == "cpu"):
            changes.append(in_place(source, each, f"_on_device({code}, {device})"))
            helpers.add("_on_device")
        else:
            raise DeclinedError("One of several indices is computed in the same expression")
    if not changes or site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The indices lie on the device, or are too large to be compared at each visit")
    said = "What counts is counted on the device"
    said += ", and what is no counting kept there by a helper." if helpers else "."
    return _edit(site, source, changes, said, tuple(helpers), imports if helpers else ())


def _is_kept_in(index: ast.expr, values: Values) -> TypeGuard[ast.Subscript]:
    """``columns[n]`` of a dictionary or list of indices on the host."""
    of = value_of(index.value, values) if isinstance(index, ast.Subscript) and dotted(index.value) is not None else None
    acts = any(isinstance(each, ast.Call | ast.NamedExpr | ast.Await) for each in ast.walk(index))
    return (
        of is not None
        and of.type_name in ("dict", "defaultdict", "OrderedDict", "list", "tuple")
        and of.device != "cuda"
        and not acts
    )


def _named_tuple(source: ModuleSource, index: ast.expr) -> ast.Tuple | None:
    """``(rows.unsqueeze(1), chosen)`` of ``index = (rows.unsqueeze(1), chosen)``, the only value of the name."""
    bound = bindings(scope_of(source, index), index.id) if isinstance(index, ast.Name) else []
    made = bound[0].value if [each.kind for each in bound] == ["assignment"] else None
    return made if isinstance(made, ast.Tuple) else None


def _members_there(site: SiteEvidence, source: ModuleSource, several: ast.Tuple, values: Values) -> Edit:
    """A tuple of indices, one of them on the device: what it indexes lies there, too, for the host's would not do."""
    there = [each for each in several.elts if dotted(each) is not None and is_tensor(each, values, "cuda") is True]
    others = [each for each in several.elts if each not in there]
    roots = [_rearranged(each) for each in others]
    if not there or not all(is_tensor(each, values, "cpu") is True and _is_whole(each, values) for each in roots):
        raise DeclinedError("It was not seen that some indices of the tuple lie on the device and the others do not")
    if site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The index is too large to be compared at each visit")
    device = f"{source.code(there[0])}.device"
    changes = [in_place(source, each, f"_on_device({source.code(each)}, {device})") for each in others]
    said = "Beside an index on the device, the others are kept there by a helper."
    return _edit(site, source, changes, said, ("_on_device",))


def _rearranged(index: ast.expr) -> ast.expr:
    """``rows`` of ``rows.unsqueeze(1)``, ``rows[:, None]``."""
    while True:
        if isinstance(index, ast.Call) and isinstance(index.func, ast.Attribute) and index.func.attr in REARRANGES:
            index = index.func.value
        elif isinstance(index, ast.Subscript):
            index = index.value
        else:
            return index


def _is_whole(node: ast.expr, values: Values) -> bool:
    """Whether whole numbers were seen."""
    seen = value_of(node, values)
    return seen is not None and seen.dtype.startswith("int")


def _counted(source: ModuleSource, index: ast.expr) -> ast.Call | None:
    """``torch.arange(n)`` of ``torch.arange(n)[:, None]``, made on the host."""
    while True:
        if isinstance(index, ast.Subscript):
            index = index.value
        elif isinstance(index, ast.Call) and is_torch_call(source, index):
            counts = last_name(index.func) in COUNTS and keyword(index, "device") is None
            return index if counts else None
        elif isinstance(index, ast.Call) and isinstance(index.func, ast.Attribute) and index.func.attr in REARRANGES:
            index = index.func.value
        else:
            return None


def _number_written(source: ModuleSource, target: ast.Subscript, torch: str, values: Values) -> list[Replacement]:
    """``x[:, columns] = 1``: with an index, a number is copied to the device as well."""
    statement = source.parents[target]
    if not (isinstance(statement, ast.Assign) and statement.targets == [target]):
        return []
    number, owner = statement.value, source.code(target.value)
    if not known_number(source, number, values):
        return []
    return [in_place(source, number, number_beside(torch, source.code(number), owner))]


def _sliced(
    site: SiteEvidence,
    source: ModuleSource,
    node: ast.Subscript,
    parts: list[ast.expr],
    index: ast.List,
    values: Values,
) -> Edit:
    """A single number is a slice of length one."""
    number = _whole(index.elts[0]) if len(index.elts) == 1 else None
    owner = value_of(node.value, values)
    if number is None or owner is None or owner.kind != "tensor" or not isinstance(node.ctx, ast.Load):
        raise DeclinedError("The index is not one number that is written out")
    place = parts.index(index)
    dots = [parts.index(each) for each in parts if isinstance(each, ast.Constant) and each.value is Ellipsis]
    axis = place - len(parts) if dots and dots[0] < place else place
    plain = all(each is index or isinstance(each, ast.Slice) or parts.index(each) in dots for each in parts)
    if not plain or not -len(owner.shape) <= axis < len(owner.shape):
        raise DeclinedError("The axis that is indexed cannot be told")
    if not -owner.shape[axis] <= number < owner.shape[axis]:
        raise DeclinedError("The index is out of range")
    text = f"{number}:" if number == -1 else f"{number}:{number + 1}"
    changes = [in_place(source, index, text)]
    if isinstance(source.parents[node], ast.Assign) or not is_only_read(source, node):  # its table may be written to
        end = source.span(node)[1]
        changes.append(Replacement(start=end, end=end, text=".clone()"))
    return _edit(site, source, changes, "One entry is a slice of length one, which takes no index.")


def _selects_plainly(part: ast.expr) -> bool:
    return isinstance(part, ast.Slice) or (isinstance(part, ast.Constant) and not isinstance(part.value, str | bool))


def _whole(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _whole(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _edit(
    site: SiteEvidence,
    source: ModuleSource,
    changes: list[Replacement],
    said: str,
    helpers: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=tuple(changes),
        helpers=helpers,
        imports=imports,
        numerics="exact",
        proof="data",
        description=said,
    )
