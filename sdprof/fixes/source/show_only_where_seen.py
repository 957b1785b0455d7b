"""Read numbers for a log or a progress bar only where somebody sees them."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.imports import imported
from sdprof.fixes.source.reading.names import Scope, bindings, dotted, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone
from sdprof.model import FixMeta

META = FixMeta(
    id="show-only-where-seen",
    title="Read numbers for a log or a progress bar only where somebody sees them",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop", "device-to-host-in-loop"),
    order=12,
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
log square keys values items join dict list tuple zip sorted numel size dim
"""
PURE = frozenset(_PURE.split())
ABSL = "absl.logging"
MOST_FRAMES = 3
"""A number is followed out of so many functions to what shows it."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was read or copied to the host in each step."""
    return site.kind in ("SYNC", "D2H") and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``logger.debug(f"{x.norm().item()}")`` → the same under ``if logger.isEnabledFor(logging.DEBUG):``.

    ``bar.set_postfix(loss=x.item())`` → the same under ``if not bar.disable:``. So is the assignment right before it
    whose names nothing else reads, and a call of a function that does nothing but make the text. What is shown is shown
    as before: where it is, the host waits for it as before, and the event stays.
    """
    shown = _shown_by(site, sources)
    if shown is None:
        raise DeclinedError("The number is read for more than a log or a progress bar")
    source, statements, call = shown
    scope, condition, imports = scope_of(source, call), "", tuple[str, ...]()
    owner, method = call.func.value, call.func.attr  # type: ignore[attr-defined]
    if method in LEVELS:
        condition, imports = _enabled(source, owner, LEVELS[method])
    elif _is_bar(owner, scope):
        condition = f"not {source.code(owner)}.disable"
    if not all(_has_no_effect(source, each, call) for each in statements):
        raise DeclinedError("What is shown is made by calls that may have an effect of their own")
    for each in statements:
        if not stands_alone(source, each) or any(map(_is_text_of_lines, ast.walk(each))):
            raise DeclinedError("The statement does not stand on lines of its own that can be indented")
    start = source.span(statements[0])[0]
    indent = source.text[source.line_start(statements[0].lineno) : start]
    changes = [Replacement(start=start, end=start, text=f"if {condition}:\n{indent}    ")]
    for number in range(statements[0].lineno + 1, (statements[-1].end_lineno or 0) + 1):
        place = source.line_start(number)
        if source.text[place : source.line_start(number + 1)].strip():
            changes.append(Replacement(start=place, end=place, text="    "))
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="exact",
            proof="data",
            description="The number is read only where it is shown.",
        ),
    )


def _is_text_of_lines(node: ast.AST) -> bool:
    """Whether a text may have line breaks in its literal, which an indentation would get into."""
    text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
    return text and isinstance(node, ast.expr) and node.lineno != node.end_lineno


def _enabled(source: ModuleSource, owner: ast.expr, level: str) -> tuple[str, tuple[str, ...]]:
    """What asks whether messages of a level are shown, and the import that takes."""
    modules, name = imported(source), source.code(owner)
    if modules.get(name) == ABSL:
        return f"{name}.get_absl_logger().isEnabledFor({name}.converter.STANDARD_{level})", ()
    known = next((each for each, full in modules.items() if full == "logging"), "")
    owned = f"{name}.getLogger()" if name == known else name
    return f"{owned}.isEnabledFor({known or 'logging'}.{level})", () if known else ("import logging",)


def _shown_by(site: SiteEvidence, sources: Sources) -> tuple[ModuleSource, list[ast.stmt], ast.Call] | None:
    """The statements that do nothing but show the number, the last of them the call of a log or a progress bar."""
    for frame in site.stack[:MOST_FRAMES]:
        source = sources.of(frame.where.file)
        node = source.node_at(frame.where)
        statement = statement_of(source, node)
        found = _call_that_shows(source, statement)
        if found is not None:
            return source, [statement], found
        if isinstance(statement, ast.Assign):
            return _only_shown_next(source, statement)
        if not is_plain_text(source, scope_of(source, node)):
            return None
    return None


def _call_that_shows(source: ModuleSource, statement: ast.stmt) -> ast.Call | None:
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    owner, method = call.func.value, call.func.attr
    logs = method in LEVELS and _is_logger(source, owner)
    return call if logs or (method in ON_BAR and _is_bar(owner, scope_of(source, call))) else None


def _only_shown_next(
    source: ModuleSource, statement: ast.Assign
) -> tuple[ModuleSource, list[ast.stmt], ast.Call] | None:
    """``text = f"{x.item()}"`` and the statement behind it that shows ``text``, if nothing else reads the name."""
    target = statement.targets[0]
    if len(statement.targets) != 1 or not isinstance(target, ast.Name):
        return None
    block = block_of(source, statement)
    place = block.index(statement) + 1
    following = block[place] if place < len(block) else None
    call = None if following is None else _call_that_shows(source, following)
    scope = scope_of(source, statement)
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == target.id]
    inside = {each for part in (statement, following) if part is not None for each in ast.walk(part)}
    if call is None or following is None or not set(uses) <= inside or len(bindings(scope, target.id)) != 1:
        return None
    return source, [statement, following], call


def _is_logger(source: ModuleSource, owner: ast.expr) -> bool:
    """A name that the module gives a logger of the standard library, once; ``logging`` itself, also that of absl."""
    if isinstance(owner, ast.Name) and imported(source).get(owner.id) in ("logging", ABSL):
        return all(isinstance(each.node, ast.Import | ast.ImportFrom) for each in bindings(source.tree, owner.id))
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


def _has_no_effect(source: ModuleSource, statement: ast.stmt, call: ast.Call) -> bool:
    for each in ast.walk(statement):
        if each is not call and isinstance(each, ast.Call) and not _is_pure(source, each):
            return False
        if isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
    return True


def _is_pure(source: ModuleSource, call: ast.Call) -> bool:
    if last_name(call.func) in PURE:
        return True
    bound = bindings(source.tree, call.func.id) if isinstance(call.func, ast.Name) else []
    return len(bound) == 1 and is_plain_text(source, bound[0].node)


def is_plain_text(source: ModuleSource, function: ast.AST) -> bool:
    """Whether a function of the module only makes something of what it is given, in one expression."""
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return False
    body = [each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    parts = list(ast.walk(body[0]))
    calls = [each for each in parts if isinstance(each, ast.Call)]
    own = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda)
    return all(last_name(each.func) in PURE for each in calls) and not any(isinstance(each, own) for each in parts)
