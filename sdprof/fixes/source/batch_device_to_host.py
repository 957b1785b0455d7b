"""Copy a batch to the host at once instead of one item after the other."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import around, dotted, last_name, scope_of
from sdprof.fixes.source.reading.seen import is_tensor
from sdprof.model import FixMeta

META = FixMeta(
    id="batch-device-to-host",
    title="Copy a batch of images to the host at once",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop",),
    order=10,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host."""
    return site.kind == "D2H"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``for image in images: image.cpu()`` → ``for image in images.cpu(): image.cpu()``, which copies nothing more."""
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    owner = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    while isinstance(owner, ast.Call) and last_name(owner.func) == "detach" and isinstance(owner.func, ast.Attribute):
        owner = owner.func.value
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("cpu", "to", "tolist", "numpy"):
        raise DeclinedError("The copy is not made by a call of .cpu() in this expression")
    if not isinstance(owner, ast.Name):
        raise DeclinedError("What is copied is not one item of a batch")
    loop, iterable = _runs_through(source, node, owner.id)
    if is_tensor(iterable, site.stack[0].values, "cuda") is not True:
        raise DeclinedError("It was not seen that the loop runs through a tensor on the device")
    for each in ast.walk(loop):
        if isinstance(each, ast.Name) and each.id == owner.id and isinstance(each.ctx, ast.Load):
            use = source.parents[each]
            if not (isinstance(use, ast.Attribute) and use.attr in ("cpu", "to", "detach", "shape", "dtype", "tolist")):
                raise DeclinedError(f"{owner.id} is used on the device as well")
    start, end = source.span(iterable)
    text = f"{in_parentheses(source, iterable)}.cpu()"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(Replacement(start=start, end=end, text=text),),
            numerics="exact",
            proof="data",
            description="The whole batch is copied to the host once, before the loop over its items.",
        ),
    )


def _runs_through(source: ModuleSource, node: ast.AST, name: str) -> tuple[ast.AST, ast.expr]:
    """The loop whose variable the name is, and what it runs through."""
    for each in around(source, node, scope_of(source, node)):
        if isinstance(each, ast.For) and dotted(each.target) == name:
            return each, each.iter
        if isinstance(each, ast.ListComp | ast.GeneratorExp):
            for part in each.generators:
                if dotted(part.target) == name:
                    return each, part.iter
    raise DeclinedError("What is copied is not the variable of a loop over a batch")
