"""Draw one number of each row of probabilities without waiting to hear whether they are probabilities."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.distribution_without_check import made_distribution
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument, is_plain
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, is_free, last_name, scope_of
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="draw-without-check",
    title="Draw from rows of probabilities without waiting for the check of them",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=10,
)
NO_NORMAL = "No sample of a Normal of torch.distributions is drawn in this expression"
NAMES = ("weights", "probabilities", "rows_of_weights")
KNOWN = frozenset({"input", "num_samples", "replacement", "generator"})


def concerns(site: SiteEvidence) -> bool:
    """Whether the host waited for a draw."""
    return site.kind == "SYNC" and site.op.startswith(("aten::multinomial", "aten::normal"))


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.multinomial(p, 1)`` → ``(p / torch.empty_like(p).exponential_()).argmax(dim=-1, keepdim=True)``.

    That is what ``multinomial`` computes for one number a row, from the same random numbers, when it has asked the
    device whether all is finite and no row is zero; of several without replacement, it takes the largest ones.
    ``Categorical(probs=p).sample()`` draws so, too. What is no
    probability gives some index instead of an error.

    ``Normal(mean, std).sample()`` → ``Normal(mean, std).rsample().detach()``, which scales and shifts the same random
    numbers without asking whether a deviation is negative. Where only the run shows a Normal, the text asks what it is.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The draw is not called in this expression")
    torch, imports = torch_name(source)
    if site.op.startswith("aten::normal"):
        changes, imports = _of_normal(source, node, site.stack[0].values), ()
    elif last_name(node.func) == "multinomial":
        changes = _of_multinomial(source, node, torch, site.stack[0].values)
    else:
        changes = _of_categorical(source, node, torch, site.stack[0].values)
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The same random numbers choose the same entries; whether they are probabilities is not asked.",
        ),
    )


def _of_multinomial(source: ModuleSource, node: ast.Call, torch: str, values: Values) -> list[Replacement]:
    method = not is_torch_call(source, node)
    if not is_plain(node) or {each.arg for each in node.keywords} - KNOWN:
        raise DeclinedError("The call has arguments whose effect is not carried over")
    rows = node.func.value if method and isinstance(node.func, ast.Attribute) else argument(node, 0, "input")
    count = argument(node, 0 if method else 1, "num_samples")
    seen = value_of(count, values) if count is not None else None
    written = isinstance(count, ast.Constant) and isinstance(count.value, int)
    if rows is None or count is None or not (written or (seen is not None and seen.dtype == "int")):
        raise DeclinedError("How many numbers of a row are drawn is not in the text, and was not seen to be a number")
    again = argument(node, 1 if method else 2, "replacement")
    one = isinstance(count, ast.Constant) and count.value == 1
    if not one and not (again is None or (isinstance(again, ast.Constant) and again.value is False)):
        raise DeclinedError("The same number of a row may be drawn twice")
    generator = keyword(node, "generator")
    drawn = "" if generator is None else f"generator={source.code(generator)}"
    (start, end), (first, behind) = source.span(node), source.span(rows)
    given = dotted(rows)
    name = given or _name(source, node)
    return [
        Replacement(start=start, end=first, text="(" if given else f"(({name} := "),
        Replacement(
            start=behind,
            end=end,
            text=f"{'' if given else ')'}{_chosen(torch, name, drawn)}{_largest(source.code(count))}",
        ),
    ]


def _largest(count: str) -> str:
    return ".argmax(dim=-1, keepdim=True)" if count == "1" else f".topk({count}).indices"


def _of_normal(source: ModuleSource, node: ast.Call, values: Values) -> list[Replacement]:
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr != "sample":
        raise DeclinedError(NO_NORMAL)
    made = made_distribution(source, function.value)
    seen = value_of(function.value, values)
    if made is None and seen is not None and seen.type_name == "Normal":
        start, end = source.span(node)
        given, name = source.text[source.span(function)[1] : end], source.code(function.value)
        text = f"({name}.rsample{given}.detach() if {name}.has_rsample else {source.code(node)})"
        return [Replacement(start=start, end=end, text=text)]
    if made is None or last_name(made.func) != "Normal":
        raise DeclinedError(NO_NORMAL)
    behind, end = source.span(function.value)[1], source.span(function)[1]
    closes = source.text[behind:end].partition(".")[0]
    called = source.span(node)[1]
    return [
        Replacement(start=behind, end=end, text=f"{closes}.rsample"),
        Replacement(start=called, end=called, text=".detach()"),
    ]


def _of_categorical(source: ModuleSource, node: ast.Call, torch: str, values: Values) -> list[Replacement]:
    owner = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "sample" else None
    made = made_distribution(source, owner) if owner is not None else None
    if owner is None or made is None or last_name(made.func) != "Categorical" or node.args or node.keywords:
        raise DeclinedError("No sample of a Categorical of torch.distributions is drawn in this expression")
    flat, shaped = _as_rows(source, owner, argument(made, 0, "probs") or argument(made, 1, "logits"), values)
    name = _name(source, node)
    start, end = source.span(node)
    behind = source.span(owner)[1]
    return [
        Replacement(start=start, end=start, text=f"(({name} := "),
        Replacement(start=behind, end=end, text=f".probs{flat}){_chosen(torch, name, '')}.argmax(dim=-1){shaped}"),
    ]


def _as_rows(source: ModuleSource, owner: ast.expr, given: ast.expr | None, values: Values) -> tuple[str, str]:
    """What makes rows of the probabilities of a distribution, and the shape of the distribution of what was drawn."""
    seen = value_of(given, values) if given is not None else None
    if given is not None and seen is not None and len(seen.shape) > 1:
        flat = len(seen.shape) == 2
        return ("", "") if flat else (".flatten(end_dim=-2)", f".reshape({source.code(given)}.shape[:-1])")
    if isinstance(owner, ast.Name):
        return f".reshape(-1, {owner.id}.probs.shape[-1])", f".reshape({owner.id}.batch_shape)"
    raise DeclinedError("It was not seen that what is drawn from has rows")


def _chosen(torch: str, name: str, drawn: str) -> str:
    return f" / {torch}.empty_like({name}).exponential_({drawn}))"


def _name(source: ModuleSource, node: ast.expr) -> str:
    scope = scope_of(source, node)
    found = next((name for name in NAMES if is_free(scope, name)), "")
    if not found or isinstance(scope, ast.Lambda):
        raise DeclinedError("No name is left for the probabilities")
    return found
