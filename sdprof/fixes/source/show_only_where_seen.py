"""Read numbers for a log or a progress bar only where somebody sees them."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.names import Scope, bindings, dotted, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.model import FixMeta

META = FixMeta(
    id="show-only-where-seen",
    title="Read numbers for a log or a progress bar only where somebody sees them",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop", "device-to-host-in-loop"),
    order=30,
)
LEVELS = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
}
ON_BAR = frozenset({"set_postfix", "set_postfix_str", "set_description", "set_description_str"})
_PURE = """
item float int bool str format round len abs min max mean sum norm std var amin amax cpu numpy tolist detach sqrt exp
log square keys values items join
"""
PURE = frozenset(_PURE.split())


def concerns(site: SiteEvidence) -> bool:
    """Whether something was read or copied to the host in each step."""
    return site.kind in ("SYNC", "D2H") and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``logger.debug(f"{x.norm().item()}")`` → the same under ``if logger.isEnabledFor(logging.DEBUG):``.

    ``bar.set_postfix(loss=x.item())`` → the same under ``if not bar.disable:``. What is shown is shown as before: where
    it is, the host waits for it as before, and the event stays.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    statement = statement_of(source, node)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        raise DeclinedError("The number is read for more than a log or a progress bar")
    scope, owner, method = scope_of(source, node), call.func.value, call.func.attr
    imports: tuple[str, ...] = ()
    if method in LEVELS and _is_logger(source, owner):
        shown, imports = f"{source.code(owner)}.isEnabledFor(logging.{LEVELS[method]})", ("import logging",)
    elif method in ON_BAR and _is_bar(owner, scope):
        shown = f"not {source.code(owner)}.disable"
    else:
        raise DeclinedError("The number is read for more than a log or a progress bar")
    if not _has_no_effect(call):
        raise DeclinedError("What is shown is made by calls that may have an effect of their own")
    start, end = source.span(statement)
    if not stands_alone(source, statement) or statement.lineno != statement.end_lineno:
        raise DeclinedError("The statement does not stand on one line of its own")
    indent = source.text[source.line_start(statement.lineno) : start]
    change = Replacement(start=start, end=end, text=f"if {shown}:\n{indent}    {source.code(statement)}")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(change,),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The number is read only where it is shown.",
        ),
    )


def _is_logger(source: ModuleSource, owner: ast.expr) -> bool:
    """A name that the module gives a logger of the standard library, once."""
    bound = bindings(source.tree, owner.id) if isinstance(owner, ast.Name) else []
    value = bound[0].value if len(bound) == 1 else None
    return isinstance(value, ast.Call) and last_name(value.func) == "getLogger"


def _is_bar(owner: ast.expr, scope: Scope) -> bool:
    """A name of the function that stands for a progress bar, by assignment or by ``with``."""
    if not isinstance(owner, ast.Name):
        return False
    bound = bindings(scope, owner.id)
    if len(bound) != 1:
        return False
    made = bound[0].value
    if isinstance(bound[0].node, ast.With):
        made = next(
            (
                each.context_expr
                for each in bound[0].node.items
                if dotted(each.optional_vars or made or owner) == owner.id
            ),
            None,
        )
    return isinstance(made, ast.Call) and last_name(made.func) in ("tqdm", "trange")


def _has_no_effect(call: ast.Call) -> bool:
    for each in ast.walk(call):
        if each is not call and isinstance(each, ast.Call) and last_name(each.func) not in PURE:
            return False
        if isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
    return True
