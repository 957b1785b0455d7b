"""Do not copy to the host what the next statement throws away."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import last_name, statement_of
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone
from sdprof.model import FixMeta

META = FixMeta(
    id="copy-only-if-kept",
    title="Copy to the host only what is kept there",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop",),
    order=9,
)
PLAIN = (
    *(ast.Name, ast.Attribute, ast.Constant, ast.expr_context, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop),
    *(ast.Compare, ast.cmpop),
)
"""What a condition may be made of: it gives the same when it is asked a moment earlier."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host in each step."""
    return site.kind == "D2H" and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``xs[t] = xs[t].cpu()``, then ``if not keep: del xs[t]`` → the first under ``if keep:``."""
    source = sources.of(site.where.file)
    statement = statement_of(source, source.node_at(site.where))
    target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
    if not isinstance(statement, ast.Assign) or not isinstance(target, ast.Subscript):
        raise DeclinedError("What is copied is not put in place of what was kept")
    copied = statement.value
    plain = isinstance(copied, ast.Call) and isinstance(copied.func, ast.Attribute) and last_name(copied.func) == "cpu"
    if not plain or not _is_same(copied.func.value, target):  # type: ignore[attr-defined]
        raise DeclinedError("What is copied is not put in place of what was kept")
    block = block_of(source, statement)
    following = block[block.index(statement) + 1 : block.index(statement) + 2]
    condition = _thrown_away_if(following[0], target) if following else None
    if condition is None:
        raise DeclinedError("What is copied is not thrown away right behind")
    if not stands_alone(source, statement):
        raise DeclinedError("The statement shares its line with other code")
    start = source.span(statement)[0]
    indent = source.text[source.line_start(statement.lineno) : start]
    text = f"if {_unless(source, condition)}:\n{indent}    "
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(Replacement(start=start, end=start, text=text),),
            numerics="exact",
            proof="data",
            description="What is thrown away is not copied before.",
        ),
    )


def _is_same(one: ast.expr, other: ast.expr) -> bool:
    return ast.unparse(one) == ast.unparse(other)


def _thrown_away_if(statement: ast.stmt, target: ast.Subscript) -> ast.expr | None:
    """The condition of ``if condition: del xs[t]``."""
    if not isinstance(statement, ast.If) or statement.orelse or len(statement.body) != 1:
        return None
    (only,) = statement.body
    gone = isinstance(only, ast.Delete) and len(only.targets) == 1 and _is_same(only.targets[0], target)
    return statement.test if gone and all(isinstance(each, PLAIN) for each in ast.walk(statement.test)) else None


def _unless(source: ModuleSource, condition: ast.expr) -> str:
    if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not):
        return source.code(condition.operand)
    return f"not {in_parentheses(source, condition)}"
