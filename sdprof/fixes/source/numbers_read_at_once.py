"""Read several numbers of one statement by one copy, instead of waiting for the device for each of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import is_free, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, number_read
from sdprof.model import FixMeta

META = FixMeta(
    id="numbers-read-at-once",
    title="Read the numbers of one statement by one copy",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=19,
)
TO_ONE = frozenset({"min", "max", "amin", "amax", "mean", "sum", "norm", "std", "var", "abs", "sqrt", "square"})
"""Methods without arguments that keep the type of a floating-point tensor."""
FLOATS = frozenset({"float64", "float32", "float16", "bfloat16"})
MAYBE = (
    *(ast.BoolOp, ast.IfExp, ast.NamedExpr, ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""What may leave out a part, or come to it more than once."""


def concerns(site: SiteEvidence) -> bool:
    """Whether a fraction was read."""
    return site.kind == "SYNC" and site.shape == () and site.dtype in FLOATS


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``print(a.item(), b.item())`` → ``print(*torch.stack((a, b)).tolist())``, where they stand beside one another.

    Elsewhere in one statement they get names before it: ``low, high = torch.stack((x.min(), x.max())).tolist()``. So do
    tensors of one number that a text shows: ``f"{x.min():.3f} {x.max():.3f}"``. What is read is the same; the host
    waits once instead of for each.
    """
    source, values = sources.of(site.where.file), values_at(site, 0)
    node = source.node_at(site.where)
    if not (_is_text(node) or (number_read(node) is not None and last_name(getattr(node, "func", node)) == "item")):
        raise DeclinedError("The number is not read by .item() in this expression, nor shown by a text")
    statement = statement_of(source, node)
    if not isinstance(statement, ast.Expr | ast.Assign | ast.Return) or not stands_alone(source, statement):
        raise DeclinedError("The number is read by a statement that does more, or shares its line")
    if any(isinstance(each, MAYBE) for each in ast.walk(statement)):
        raise DeclinedError("Not all numbers of the statement are read each time")
    calls = [each for each in ast.walk(statement) if isinstance(each, ast.Call)]
    reads = [each for each in calls if _is_alike(source, each, site.dtype, values)]
    reads.sort(key=lambda each: (each.lineno, each.col_offset))
    shown = _is_text(node) and any(each in reads for each in ast.walk(node))
    if len(reads) < 2 or not (shown or node in reads):
        raise DeclinedError("The statement reads no other number of the same type")
    if not all(_is_part(each, reads) or _holds(each, reads) for each in calls):
        raise DeclinedError("Something else is called between the reads, and may have an effect")
    if not all(map(source.has_own_text, reads)):
        raise DeclinedError("The place inside the f-string is not exact: name the numbers before it")
    torch, imports = torch_name(source)
    stacked = f"{torch}.stack(({', '.join(source.code(_tensor(each)) for each in reads)})).tolist()"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(_side_by_side(source, reads, stacked) or _named(source, statement, reads, stacked)),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The numbers of the statement are read by one copy.",
        ),
    )


def _is_text(node: ast.AST) -> bool:
    """``"{}".format(…)`` and an f-string, which show a tensor of one number as the number."""
    return isinstance(node, ast.JoinedStr | ast.FormattedValue) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
    )


def _tensor(read: ast.Call) -> ast.expr:
    return number_read(read) or read


def _is_alike(source: ModuleSource, node: ast.Call, dtype: str, values: Values) -> bool:
    """``x.item()`` or ``x.min().item()``, a number on the device of the type that was read; shown, ``x.min()``."""
    tensor: ast.expr | None = number_read(node) if last_name(node.func) == "item" else None
    shown = tensor is None and _is_text(source.parents[node]) and getattr(source.parents[node], "conversion", -1) == -1
    tensor = node if shown else tensor
    if tensor is None:
        return False
    reduced = False
    while isinstance(tensor, ast.Call) and isinstance(tensor.func, ast.Attribute):
        if tensor.args or tensor.keywords or tensor.func.attr not in TO_ONE or is_torch_call(source, tensor):
            return False
        reduced |= tensor.func.attr not in ("abs", "sqrt", "square")
        tensor = tensor.func.value
    seen = value_of(tensor, values)
    if seen is None or (seen.kind, seen.device, seen.dtype) != ("tensor", "cuda", dtype):
        return False
    return reduced or (seen.shape == () and not shown)


def _is_part(call: ast.Call, reads: list[ast.Call]) -> bool:
    return any(call is each for read in reads for each in ast.walk(read))


def _holds(call: ast.Call, reads: list[ast.Call]) -> bool:
    """Whether a call comes after the reads that stand in it: it holds them all."""
    inside = list(ast.walk(call))
    return all(any(read is each for each in inside) for read in reads)


def _side_by_side(source: ModuleSource, reads: list[ast.Call], stacked: str) -> list[Replacement]:
    """``*stacked`` in place of arguments that follow one another."""
    call = source.parents[reads[0]]
    if not isinstance(call, ast.Call) or reads[0] not in call.args:
        return []
    place = call.args.index(reads[0])
    if call.args[place : place + len(reads)] != [*reads]:
        return []
    start, end = source.span(reads[0])[0], source.span(reads[-1])[1]
    return [Replacement(start=start, end=end, text=f"*{stacked}")]


def _named(source: ModuleSource, statement: ast.stmt, reads: list[ast.Call], stacked: str) -> Iterator[Replacement]:
    """Names for the numbers, given in front of the statement."""
    names: list[str] = []
    for each in reads:
        words = re.findall(r"\w+", source.code(_tensor(each)))
        name = "_".join(word for word in words if word != "self") + "_read"
        while name in names or not is_free(scope_of(source, statement), name):
            name += "_too"
        names.append(name)
    start = source.line_start(statement.lineno)
    indent = source.text[start : source.span(statement)[0]]
    yield Replacement(start=start, end=start, text=f"{indent}{', '.join(names)} = {stacked}\n")
    for each, name in zip(reads, names, strict=True):
        yield in_place(source, each, name)
