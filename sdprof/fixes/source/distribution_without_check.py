"""Make probability distributions without waiting to hear whether their parameters are allowed."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import is_plain, with_argument
from sdprof.fixes.source.reading.imports import imported
from sdprof.fixes.source.reading.names import bindings, dotted, scope_of
from sdprof.fixes.source.reading.tensor_calls import keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="distribution-without-check",
    title="Make distributions without waiting for the check of their parameters",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=10,
)
DISTRIBUTIONS = "torch.distributions"


def concerns(site: SiteEvidence) -> bool:
    """Whether the host waited for a truth value."""
    return site.kind == "SYNC" and site.dtype == "bool" and site.shape == ()


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``Normal(mean, std)`` → ``Normal(mean, std, validate_args=False)``; so ``d.log_prob(x)`` checks nothing either.

    Parameters that are not allowed give NaN instead of a ``ValueError``.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("No distribution is made or asked in this expression")
    made = distribution_made_by(source, node)
    if made is None and isinstance(node.func, ast.Attribute):
        made = made_distribution(source, node.func.value)
    if made is None:
        raise DeclinedError("It is not seen that a distribution of torch.distributions is made or asked here")
    if not is_plain(made) or keyword(made, "validate_args") is not None:
        raise DeclinedError("Whether the distribution checks its parameters is said already, or not in the text")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(with_argument(source, made, "validate_args=False"),),
            numerics="exact",
            proof="data",
            description="The distribution is the same; whether its parameters are allowed is not asked.",
        ),
    )


def made_distribution(source: ModuleSource, owner: ast.expr) -> ast.Call | None:
    """The call that made the distribution which a method is called of."""
    if isinstance(owner, ast.Name):
        bound = bindings(scope_of(source, owner), owner.id)
        owner = bound[0].value if len(bound) == 1 and bound[0].value is not None else owner
    return distribution_made_by(source, owner)


def distribution_made_by(source: ModuleSource, call: ast.AST) -> ast.Call | None:
    """The call itself, if it makes a distribution of torch.distributions."""
    name = dotted(call.func) if isinstance(call, ast.Call) else None
    if name is None or not isinstance(call, ast.Call):
        return None
    first, _, rest = name.partition(".")
    full = f"{imported(source).get(first, first)}.{rest}".rstrip(".")
    return call if full.startswith(f"{DISTRIBUTIONS}.") and full.rpartition(".")[2][:1].isupper() else None
