"""Print and draw progress bars outside of compiled code only."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import last_name, scope_of, within
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.model import FixMeta

META = FixMeta(
    id="print-out-of-loop",
    title="Print and show progress outside of the compiled region",
    kind="source",
    numerics="exact",
    removes=("graph-breaks",),
    order=60,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether the graph was left."""
    return site.kind == "break"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``print(…)`` → ``if not torch.compiler.is_compiling(): print(…)``; ``tqdm(steps)`` → ``steps`` where compiled."""
    source = sources.of(site.where.file)
    torch, imports = torch_name(source)
    compiling = f"{torch}.compiler.is_compiling()"
    call = _call_on(source, site.where.line, site.where.end_line or site.where.line)
    if last_name(call.func) == "print":
        changes = [_print_guarded(source, call, compiling)]
        said = "What is printed is printed by the interpreter only, not from compiled code."
    else:
        changes = _bar_left_out(source, call, compiling)
        said = "The progress bar is drawn by the interpreter only, not from compiled code."
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            imports=imports,
            numerics="exact",
            proof="data",
            description=said,
        ),
    )


def _call_on(source: ModuleSource, first: int, last: int) -> ast.Call:
    for each in ast.walk(source.tree):
        if isinstance(each, ast.Call) and first <= each.lineno <= last:
            name = last_name(each.func)
            if (name == "print" and isinstance(each.func, ast.Name)) or name in ("tqdm", "trange"):
                return each
    raise DeclinedError("Nothing is printed at this line, and no progress bar drawn")


def _print_guarded(source: ModuleSource, call: ast.Call, compiling: str) -> Replacement:
    statement = source.parents[call]
    start, end = source.span(call)
    indent = source.text[source.line_start(call.lineno) : start]
    if not isinstance(statement, ast.Expr) or indent.strip():
        raise DeclinedError("The call of print shares its line with other code")
    return Replacement(start=start, end=end, text=f"if not {compiling}:\n{indent}    {source.code(call)}")


def _use_guarded(source: ModuleSource, use: ast.Attribute, name: str, compiling: str) -> Replacement:
    """``bar.set_postfix(…)`` as a statement of its own, not in compiled code, where there is no bar."""
    call = source.parents[use]
    statement = source.parents[call]
    start = source.span(use)[0]
    indent = source.text[source.line_start(use.lineno) : start]
    if not isinstance(call, ast.Call) or not isinstance(statement, ast.Expr) or not stands_alone(source, statement):
        raise DeclinedError(f"The bar is also used as {name}.{use.attr}")
    return Replacement(start=start, end=start, text=f"if not {compiling}:\n{indent}    ")


def _bar_left_out(source: ModuleSource, call: ast.Call, compiling: str) -> list[Replacement]:
    if not is_plain(call) or not call.args:
        raise DeclinedError("What the progress bar runs through is not its first argument")
    parent = source.parents[call]
    changes: list[Replacement] = []
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        name = parent.targets[0].id
        for each in within(scope_of(source, call)):
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == name:
                changes.append(_use_guarded(source, each, name, compiling))
    elif not isinstance(parent, ast.For | ast.Call | ast.comprehension):
        raise DeclinedError("The progress bar is not what a loop runs through")
    if last_name(call.func) == "trange":
        plain = f"range({', '.join(source.code(each) for each in call.args)})"
    else:
        plain = source.code(call.args[0])
    start, end = source.span(call)
    text = f"{plain} if {compiling} else {source.code(call)}"
    text = f"({text})" if isinstance(parent, ast.Call) else text
    return [Replacement(start=start, end=end, text=text), *changes]
