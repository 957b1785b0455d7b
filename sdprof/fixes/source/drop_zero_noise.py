"""Draw no noise that is multiplied by zero."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.loops import after_statement
from sdprof.fixes.source.reading.names import bindings, last_name, scope_of
from sdprof.fixes.source.reading.on_device.host_trees import RANDOM
from sdprof.fixes.source.reading.on_host.kept_tables import kept_table, reads_of
from sdprof.model import FixMeta

META = FixMeta(
    id="drop-zero-noise",
    title="Draw no noise whose factor is zero in every step",
    kind="source",
    numerics="lossy",
    order=60,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether a table of the schedule held nothing but zeros."""
    return site.kind == "zero" and site.op.startswith("self.") and site.op.count(".") == 1


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``sigma * randn(…)`` → ``sigma if self.sigmas_are_zero else sigma * randn(…)``.

    The step's own result is the same, but the generator is left alone, so that later draws give other numbers.
    """
    source = sources.of(site.where.file)
    name = site.op.removeprefix("self.")
    flag = f"{name}_are_zero"
    if f".{flag}" in source.text:
        raise DeclinedError(f"There is an attribute {flag} already")
    changes = [_spared(source, product, factor, flag) for factor, product in _noise_products(source, name)]
    if not changes:
        raise DeclinedError(f"{site.op} is zero in every step, but no product of it with drawn noise is seen")
    kept = kept_table(source, name)
    value = f"self.{name}" if kept.assigned else in_parentheses(source, kept.value)
    changes.append(after_statement(source, kept.statement, f"self.{flag} = not bool({value}.any())"))
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            numerics="lossy",
            proof="data",
            description="No noise is drawn where its factor is zero in all steps: later draws get other numbers.",
        ),
    )


def _noise_products(source: ModuleSource, table: str) -> list[tuple[str, ast.BinOp]]:
    """Products of a name that comes from the table with something that is drawn."""
    found: list[tuple[str, ast.BinOp]] = []
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)) or _is_factor(source, node):
            continue
        factors = list(_factors(node))
        drawn = any(isinstance(each, ast.Call) and _draws(each) for each in factors)
        for each in factors:
            if drawn and isinstance(each, ast.Name) and _comes_from(source, each, table):
                found.append((each.id, node))
                break
    return found


def _is_factor(source: ModuleSource, node: ast.BinOp) -> bool:
    parent = source.parents[node]
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _draws(call: ast.Call) -> bool:
    return last_name(call.func) in RANDOM or "noise" in last_name(call.func)


def _comes_from(source: ModuleSource, name: ast.Name, table: str) -> bool:
    bound = bindings(scope_of(source, name), name.id)
    if len(bound) != 1 or bound[0].kind != "assignment" or bound[0].value is None:
        return False
    reads = {id(each) for each in reads_of(source, table)}
    return any(id(each) in reads for each in ast.walk(bound[0].value))


def _spared(source: ModuleSource, product: ast.BinOp, factor: str, flag: str) -> Replacement:
    start, end = source.span(product)
    text = f"{factor} if self.{flag} else {source.code(product)}"
    plain = isinstance(source.parents[product], ast.Assign | ast.Return)
    return Replacement(start=start, end=end, text=text if plain else f"({text})")
