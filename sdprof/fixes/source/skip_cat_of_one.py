"""Do not concatenate a single tensor: the result is a copy of it."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument, in_parentheses, is_plain
from sdprof.fixes.source.reading.names import dotted, last_name, scope_of, within
from sdprof.model import FixMeta

META = FixMeta(
    id="skip-cat-of-one",
    title="Pass a single tensor on instead of concatenating it with nothing",
    kind="source",
    numerics="exact",
    removes=("concatenation-of-one",),
    order=40,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether one tensor was concatenated."""
    return site.kind == "operator" and site.op == "aten::cat" and len(site.input_shapes) == 1


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.cat(parts, 1)`` → ``parts[0] if len(parts) == 1 else torch.cat(parts, 1)``."""
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("cat", "concat", "concatenate"):
        raise DeclinedError("The tensors are not concatenated by a call in this expression")
    parts = argument(node, 0, "tensors")
    if parts is None or not is_plain(node) or any(each.arg == "out" for each in node.keywords):
        raise DeclinedError("The call has arguments whose effect is not carried over")
    _refuse_written(source, node)
    if isinstance(parts, ast.List | ast.Tuple) and len(parts.elts) == 1 and not isinstance(parts.elts[0], ast.Starred):
        text = in_parentheses(source, parts.elts[0])
    elif dotted(parts) is not None:
        name = source.code(parts)
        text = f"{name}[0] if len({name}) == 1 else {source.code(node)}"
        if not isinstance(source.parents[node], ast.Assign | ast.Return | ast.AnnAssign):
            text = f"({text})"
    else:
        raise DeclinedError("The list of tensors is computed in the same expression")
    start, end = source.span(node)
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(Replacement(start=start, end=end, text=text),),
            numerics="exact",
            proof="data",
            description="A list of one tensor is that tensor.",
        ),
    )


def _refuse_written(source: ModuleSource, node: ast.Call) -> None:
    """The copy protected the list's tensor from what is written to the result.

    :raises DeclinedError: this function writes to it.
    """
    parent = source.parents[node]
    if not (isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name)):
        return
    name = parent.targets[0].id
    for each in within(scope_of(source, node)):
        writes_entry = (
            isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store) and dotted(each.value) == name
        )
        writes_all = isinstance(each, ast.AugAssign) and dotted(each.target) == name
        method = isinstance(each, ast.Attribute) and dotted(each.value) == name and each.attr.endswith("_")
        if writes_entry or writes_all or method:
            raise DeclinedError(f"{name} is written to later on: it has to be a copy")
