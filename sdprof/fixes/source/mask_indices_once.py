"""Find once what a mask selects that no step changes, instead of asking the device for it in each step."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.before_loop.mask_indices import Mask, found_before_loop, looked_up_before_loop
from sdprof.fixes.source.reading.before_loop.unchanging import is_path
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.mask_in_step import as_items, found_in_step
from sdprof.fixes.source.reading.names import bindings, scope_of, unpacked
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import value_of
from sdprof.model import FixMeta, SeenValue

META = FixMeta(
    id="mask-indices-once",
    title="Find once, before the loop, what a mask selects that no step changes",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=15,
)
PARTS = (ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.UnaryOp, ast.USub, ast.expr_context)


def concerns(site: SiteEvidence) -> bool:
    """Whether the host asked for the number of elements that a mask selects."""
    asks = site.op.startswith(("aten::index", "aten::nonzero")) or "index_put" in site.op
    return site.kind == "SYNC" and asks


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``x[mask]`` → ``x[mask_indices]``, read or written to, with ``mask.nonzero(as_tuple=True)`` before the loop.

    The same elements in the same order, each once. A mask that the loop's function hands down is followed there; where
    that cannot be shown, a helper keeps the indices with the mask. What a step computes and selects by several times is
    looked at once in it.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    node = frame.source.node_at(site.where)
    if isinstance(node, ast.Call) and site.op.startswith("aten::nonzero") and frame.source.has_own_text(node):
        return (looked_up_before_loop(frame, node).edit(META.id, site.where),)
    if not isinstance(node, ast.Subscript):
        raise DeclinedError("It waits for no selection that stands here: for its gradient, or for one inside of a call")
    mask = _mask(site, frame, node)
    if not frame.source.has_own_text(mask.node):
        raise DeclinedError("The place inside the f-string is not exact: select before it")
    edits: list[Edit] = []
    reason = ""
    try:
        edits.append(found_before_loop(frame, mask).edit(META.id, site.where))
    except DeclinedError as declined:
        reason = str(declined)
    in_step = found_in_step(frame.source, node, mask)
    if in_step is not None:
        edits.append(in_step.edit(META.id, site.where))
    kept = _kept(frame, node, mask)
    if kept is not None and site.where.function != "<module>":
        edits.append(kept.edit(META.id, site.where))
    if not edits:
        raise DeclinedError(reason)
    return tuple(edits)


def _mask(site: SiteEvidence, frame: Frame, node: ast.Subscript) -> Mask:
    """The one mask between the brackets.

    :raises DeclinedError: there is none, or it was not seen that it is one.
    """
    index = node.slice
    if not isinstance(index, ast.Tuple):
        mask, alone = index, True
    else:
        others = (ast.Constant, ast.Slice)
        found = [each for each in index.elts if not isinstance(each, others) and not _is_number(frame, each)]
        if len(found) != 1 or isinstance(found[0], ast.Starred):
            raise DeclinedError("Several indices stand beside one another: which of them are masks is not seen")
        mask, alone = found[0], False
    seen = SeenValue(kind="tensor", dtype=site.dtype, shape=site.shape) if site.shape is not None else None
    inner = mask.operand if isinstance(mask, ast.UnaryOp) else mask
    if seen is None or seen.dtype != "bool":
        seen = value_of(inner, frame.values)
    if seen is None or (seen.kind, seen.dtype) != ("tensor", "bool"):
        raise DeclinedError("It was not seen that a mask selects")
    if not seen.shape or (not alone and len(seen.shape) != 1):
        raise DeclinedError("The mask is for several of the dimensions, among other indices")
    return Mask(mask, alone)


def _is_number(frame: Frame, node: ast.expr) -> bool:
    seen = value_of(node, frame.values)
    return (seen is not None and seen.kind == "number") or isinstance(node, ast.UnaryOp | ast.BinOp)


def _kept(frame: Frame, node: ast.Subscript, mask: Mask) -> MadeOnce | None:
    """``x[_indices_of(mask)]`` and ``x[(slice(None), *_indices_of(mask))]``, where nothing is computed for the mask."""
    source = frame.source
    inverted = isinstance(mask.node, ast.UnaryOp) and isinstance(mask.node.op, ast.Invert)
    kept = mask.node.operand if inverted and isinstance(mask.node, ast.UnaryOp) else mask.node
    if not is_path(kept) or not _is_the_same_again(frame, kept):
        return None
    text = f"_indices_of({source.code(kept)}{', inverted=True' if inverted else ''})"
    if isinstance(node.slice, ast.Tuple):
        text = as_items(source, node.slice, mask.node, text)
    said = "A helper keeps the indices of what the mask selects, and finds them again once it was written to."
    return MadeOnce(source.path, [in_place(source, node.slice, text)], said, ("_indices_of",))


def _is_the_same_again(frame: Frame, path: ast.expr) -> bool:
    """Whether a name is a parameter's, or that of a part of something: not of what the step computes."""
    while isinstance(path, ast.Attribute | ast.Subscript):
        path = path.value
    if not isinstance(path, ast.Name):
        return False
    scope, loop = scope_of(frame.source, path), frame.loop_around(path)
    bound = [each for each in bindings(scope, path.id) if each.kind != "parameter"]
    if loop is not None and not any(each.node is part for each in bound for part in ast.walk(loop)):
        return True
    values = [each.value and unpacked(each.node, each.value, path.id) for each in bound]
    return all(value is not None and all(isinstance(each, PARTS) for each in ast.walk(value)) for value in values)
