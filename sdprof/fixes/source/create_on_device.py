"""Make tensors on the device instead of making them on the host and copying them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, last_name, statement_of
from sdprof.fixes.source.reading.on_device.filled_numbers import Filled, moved_number, new_number_filled, number_filled
from sdprof.fixes.source.reading.on_device.held_numbers import held_list, held_numbers
from sdprof.fixes.source.reading.on_device.host_trees import (
    check_known_before,
    check_names_stay_inside,
    read_tree,
)
from sdprof.fixes.source.reading.on_device.index_tensors import index_there
from sdprof.fixes.source.reading.on_device.moves import Move, move_of
from sdprof.fixes.source.reading.on_device.stacking import stacked, stacked_list
from sdprof.fixes.source.reading.on_device.written_there import written_there
from sdprof.fixes.source.reading.on_host.table_along import table_along
from sdprof.fixes.source.reading.seen import Values, is_tensor
from sdprof.fixes.source.reading.straight_line import without
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="create-on-device",
    title="Make tensors on the device that uses them",
    kind="source",
    numerics="rounding",
    removes=("host-to-device-in-loop", "loop-invariant-copy"),
    order=10,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the device."""
    return site.kind == "H2D"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.arange(n).exp().to(d)`` → ``torch.arange(n, device=d).exp()``, through local names.

    ``torch.tensor([t] * n, device=d)`` → ``torch.full((n,), t, device=d)``, and ``x.new_tensor([t])`` →
    ``x.new_full((1,), t)``; a host tensor of one element is filled in on the device, too: a number travels as an
    argument of the kernel. ``x[0] = 0.5`` → ``x[0].fill_(0.5)``.
    Arithmetic that moves to the device is rounding, to be confirmed on a GPU.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    frame = Frame(site, sources, 0)
    values = frame.values
    there = index_there(source, node, values) if isinstance(node, ast.Subscript) else None
    if there is not None:
        return (_edit(site, source, there, "The device counts for itself, where the numbers are used."),)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _one_listed(node) is None:
        return (_filled(site, source, written_there(site, source, node, values)),)
    if isinstance(node, ast.Subscript):
        return (_index_made_there(site, source, node, values),)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The copy is not made by a call in this expression")
    if last_name(node.func) in ("tensor", "as_tensor") and is_torch_call(source, node):
        together = stacked(site, source, node, values) or stacked_list(source, node, values)
        if together:
            start, end = source.span(node)
            said = "The numbers are put together on the device: none is read, and nothing is copied."
            return tuple(_edit(site, source, [Replacement(start=start, end=end, text=text)], said) for text in together)
        held = held_numbers(source, node, values, site.dtype, anywhere=True)
        if held is not None and not (len(held.numbers) > 1 and site.identical_content):
            return (_filled(site, source, Filled(held.on_device(source, _device_text(source, node)))),)
        return (_filled(site, source, number_filled(site, source, node, _device_text(source, node))),)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "new_tensor":
        return (_filled(site, source, new_number_filled(site, source, node, node.func.value)),)
    move = move_of(source, node, values)
    reasons: list[str] = []
    edits: list[Edit] = []
    attempts: tuple[Callable[[], Edit], ...] = (
        lambda: _tree_on_device(site, source, move, values),
        lambda: _entries_taken_there(site, frame, move, hoisted=True),
        lambda: _tree_on_device(site, source, move, values, takes_scalars=True),
        lambda: _filled(site, source, moved_number(site, source, move, values)),
        lambda: _entries_taken_there(site, frame, move, hoisted=False),
    )
    for attempt in attempts:
        try:
            edits.append(attempt())
        except DeclinedError as declined:
            reasons.append(str(declined))
    if not edits:
        raise DeclinedError(reasons[0])
    return tuple(edits)


def _edit(
    site: SiteEvidence, source: ModuleSource, replacements: Sequence[Replacement], said: str, *, computes: bool = False
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=tuple(replacements),
        numerics="rounding" if computes else "exact",
        proof="arithmetic" if computes else "data",
        description=said,
    )


def _filled(site: SiteEvidence, source: ModuleSource, filled: Filled) -> Edit:
    return replace(_edit(site, source, filled.changes, filled.said), imports=filled.imports)


def _tree_on_device(
    site: SiteEvidence, source: ModuleSource, move: Move, values: Values, *, takes_scalars: bool = False
) -> Edit:
    dtype = "" if move.converts else site.dtype
    tree = read_tree(source, move.host, values, move.call, dtype, takes_scalars=takes_scalars)
    check_names_stay_inside(source, tree, move.call)
    check_known_before(source, move.device, tree)
    if len(tree.held) == 1 and len(tree.held[0].numbers) > 1 and site.identical_content:
        raise DeclinedError("The same numbers are copied each time: one copy before the loop is less than filling them")
    replacements = [*tree.on_device(source, move.device_text), *_without_move(source, move)]
    computes = tree.computes and (tree.fractions or not site.dtype.startswith(("int", "uint", "bool")))
    said = "The tensor is made on the device, and never was on the host."
    return _edit(site, source, replacements, said, computes=computes)


def _one_listed(node: ast.Subscript) -> ast.List | None:
    """``[i]`` of ``x[:, [i], :]``, the only part of the index that is not plain."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    others = [each for each in parts if not isinstance(each, ast.Slice | ast.Constant)]
    (only,) = others if len(others) == 1 else (None,)
    return only if isinstance(only, ast.List) and len(only.elts) == 1 else None


def _index_made_there(site: SiteEvidence, source: ModuleSource, node: ast.Subscript, values: Values) -> Edit:
    """``x[[i] * n]`` → ``x[torch.full((n,), i, device=x.device)]``, and ``x[:, [i]]`` in the same way."""
    owner, one = node.value, _one_listed(node)
    index = one or node.slice
    alike = site.identical_content and one is None
    if alike or isinstance(index, ast.Tuple) or dotted(owner) is None:
        raise DeclinedError("The index that is copied is not a list of numbers that change")
    if is_tensor(owner, values, "cuda") is not True:
        raise DeclinedError("It was not seen that what is indexed lies on the device")
    held = held_list(source, index, values)
    if held is None:
        raise DeclinedError("The index that is copied is not a list of numbers that change")
    torch, imports = torch_name(source)
    changes = held.on_device(source, f"{source.code(owner)}.device", torch)
    return _filled(site, source, Filled(changes, imports))


def _entries_taken_there(site: SiteEvidence, frame: Frame, move: Move, *, hoisted: bool) -> Edit:
    """``table[i].repeat(n).to(d)`` with a table on the host: the table goes to the device once."""
    along = table_along(frame, move, hoisted=hoisted)
    changes = [*along.changes, *_without_move(frame.source, move)]
    said = "The table is copied to the device once, and its entries are taken there."
    return replace(_edit(site, frame.source, changes, said), helpers=along.helpers)


def _device_text(source: ModuleSource, call: ast.Call) -> str:
    device = keyword(call, "device")
    if device is None:
        raise DeclinedError("The call names no device")
    return source.code(device)


def _without_move(source: ModuleSource, move: Move) -> list[Replacement]:
    """Drop ``.to(device)``; of one that converts as well, the dtype stays, and nothing is copied any more."""
    if move.converts and not move.names_dtype:
        return []
    statement = statement_of(source, move.call)
    alone = isinstance(statement, ast.Assign) and statement.value is move.call and not move.converts
    if alone and [ast.unparse(each) for each in getattr(statement, "targets", ())] == [ast.unparse(move.host)]:
        return list(without(source, [statement]))
    end = source.span(move.call)[1]
    start = source.span(move.host)[1]
    while source.text[start] in " \t\n)":
        start += 1  # behind the parentheses around the receiver
    return [Replacement(start=start, end=end, text=f".to({move.dtype_text})" if move.converts else "")]
