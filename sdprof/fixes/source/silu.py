"""``x * sigmoid(x)`` in one kernel."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.functional import functional_name
from sdprof.fixes.source.reading.names import dotted, last_name
from sdprof.model import FixMeta

META = FixMeta(
    id="silu",
    title="Compute x * sigmoid(x) by silu, in one pass over the memory",
    kind="source",
    numerics="rounding",
    order=40,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether a sigmoid ran."""
    return site.kind == "operator" and site.op == "aten::sigmoid"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``x * torch.sigmoid(x)``, in either order and spelling → ``F.silu(x)``."""
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call) or last_name(node.func) != "sigmoid":
        raise DeclinedError("The sigmoid is not called in this expression")
    if node.args:
        gate = node.args[0]
    elif isinstance(node.func, ast.Attribute):
        gate = node.func.value
    else:
        raise DeclinedError("The sigmoid's argument is not named")
    product = source.parents[node]
    if not (isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult)):
        raise DeclinedError("The sigmoid is not multiplied with anything")
    other = product.right if product.left is node else product.left
    if dotted(gate) is None or ast.dump(other) != ast.dump(gate):
        raise DeclinedError("The sigmoid is multiplied with something else than its argument")
    functional, imports = functional_name(source)
    start, end = source.span(product)
    text = f"{functional}.silu({in_parentheses(source, gate)})"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(Replacement(start=start, end=end, text=text),),
            imports=imports,
            numerics="rounding",
            proof="arithmetic",
            description="x * sigmoid(x) is silu: one kernel instead of two.",
        ),
    )
