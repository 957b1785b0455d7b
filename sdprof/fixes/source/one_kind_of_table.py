"""Keep a table that is an array among tensors as a tensor, too."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, last_name, scope_of
from sdprof.fixes.source.reading.on_host.kept_tables import kept_table, reads_of
from sdprof.fixes.source.reading.tensor_calls import (
    DEFAULT_DTYPE,
    cast_text,
    check_arguments,
    is_only_read,
    is_torch_call,
    keyword,
)
from sdprof.model import FixMeta

META = FixMeta(
    id="one-kind-of-table",
    title="Keep every table of the schedule as a tensor on the device",
    kind="source",
    numerics="exact",
    removes=("graph-breaks",),
    order=20,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether an array stands among tensors."""
    return site.kind == "table" and site.op.startswith("self.") and site.op.count(".") == 1


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.from_numpy`` where the table is kept, and ``table[i].expand(shape)`` where it fills a tensor.

    An index that changes makes TorchDynamo leave the graph at an array, never at a tensor.
    """
    source = sources.of(site.where.file)
    name = site.op.removeprefix("self.")
    torch, imports = torch_name(source)
    changes = [_kept_as_tensor(source, name, torch)]
    uses = reads_of(source, name)
    if not uses:
        raise DeclinedError("The table is not read in the file in which it was seen")
    looked_up_in = scope_of(source, source.node_at(site.where))
    for use in uses:
        try:
            changes.append(_filled(source, use, torch))
        except DeclinedError:
            if scope_of(source, use) is looked_up_in or dotted(use) != site.op:
                raise
            changes.append(_as_array(source, use))
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="exact",
            proof="data",
            description=f"{site.op} is a tensor like the tables beside it.",
        ),
    )


def _filled(source: ModuleSource, use: ast.expr, torch: str) -> Replacement:
    entry = source.parents[use]
    call = source.parents[entry]
    if not (
        isinstance(entry, ast.Subscript)
        and isinstance(call, ast.Call)
        and last_name(call.func) == "full"
        and is_torch_call(source, call)
        and argument(call, 1, "fill_value") is entry
    ):
        raise DeclinedError("The table is used for more than to fill tensors")
    check_arguments(call, frozenset({"size", "fill_value", "dtype", "device"}))
    shape, dtype = argument(call, 0, "size"), keyword(call, "dtype")
    if shape is None or keyword(call, "device") is None:
        raise DeclinedError("The tensor that it fills is made on the host")
    wanted = f"{torch}.{DEFAULT_DTYPE}" if dtype is None else source.code(dtype)
    text = f"{cast_text(source, entry, wanted, '', torch)}.expand({source.code(shape)})"
    if not is_only_read(source, call):
        text += ".clone()"
    start, end = source.span(call)
    return Replacement(start=start, end=end, text=text)


def _as_array(source: ModuleSource, use: ast.expr) -> Replacement:
    """What a function outside of the loop made of the array, it makes of an array still."""
    end = source.span(use)[1]
    return Replacement(start=end, end=end, text=".cpu().numpy()")


def _kept_as_tensor(source: ModuleSource, name: str, torch: str) -> Replacement:
    kept = kept_table(source, name)
    move = f".to({_neighbour(source, kept.statement)}.device)" if kept.assigned else ""
    start, end = source.span(kept.value)
    return Replacement(start=start, end=end, text=f"{torch}.from_numpy({source.code(kept.value)}){move}")


def _neighbour(source: ModuleSource, node: ast.stmt) -> str:
    """An attribute that was moved to a device before, in the same function."""
    scope = scope_of(source, node)
    for each in ast.walk(scope):
        moved = isinstance(each, ast.Assign) and isinstance(each.value, ast.Call) and last_name(each.value.func) == "to"
        if moved and isinstance(each, ast.Assign) and each.lineno < node.lineno:
            target = dotted(each.targets[0])
            if target is not None and target.startswith("self."):
                return target
    raise DeclinedError("It is not seen on which device the tables beside it are kept")
