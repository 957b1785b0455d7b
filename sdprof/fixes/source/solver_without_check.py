"""Solve small linear systems without waiting to hear whether they could be solved."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, last_name
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.model import FixMeta

META = FixMeta(
    id="solver-without-check",
    title="Solve linear systems without waiting for the solver's error code",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=10,
)
UNCHECKED = {"solve": ("solve_ex", "result"), "inv": ("inv_ex", "inverse"), "cholesky": ("cholesky_ex", "L")}


def concerns(site: SiteEvidence) -> bool:
    """Whether the host waited for a solver."""
    return site.kind == "SYNC" and "linalg" in site.op


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.linalg.solve(A, b)`` → ``torch.linalg.solve_ex(A, b).result``: the same solver, whose error nobody reads.

    A singular system gives infinities or NaN instead of an exception.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The solver is not called in this expression")
    name, owner = last_name(node.func), dotted(node.func) or ""
    torch, imports = torch_name(source)
    if owner == f"{torch}.inverse":
        name, owner = "inv", f"{torch}.linalg.inv"
    elif name == "inverse" and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        return (_edit(site, source, (_method(source, node, node.func.value, torch),), imports),)
    if name not in UNCHECKED or not owner.endswith(f"linalg.{name}") or not owner.startswith(torch):
        raise DeclinedError("This solver has no variant that leaves its error code on the device")
    if not is_plain(node) or any(each.arg == "out" for each in node.keywords):
        raise DeclinedError("The call has arguments whose effect is not carried over")
    variant, field = UNCHECKED[name]
    start, end = source.span(node.func)
    call_end = source.span(node)[1]
    changes = (
        Replacement(start=start, end=end, text=f"{owner.removesuffix(name)}{variant}"),
        Replacement(start=call_end, end=call_end, text=f".{field}"),
    )
    return (_edit(site, source, changes, ()),)


def _method(source: ModuleSource, call: ast.Call, matrix: ast.expr, torch: str) -> Replacement:
    """``torch.linalg.inv_ex(A).inverse`` of ``A.inverse()``."""
    return in_place(source, call, f"{torch}.linalg.inv_ex({source.code(matrix)}).inverse")


def _edit(site: SiteEvidence, source: ModuleSource, changes: tuple[Replacement, ...], imports: tuple[str, ...]) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=changes,
        imports=imports,
        numerics="exact",
        proof="data",
        description="The same solver runs; whether the matrix was singular is not asked, so nothing is awaited.",
    )
