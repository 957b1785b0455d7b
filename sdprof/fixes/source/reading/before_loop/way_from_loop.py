"""The calls that lead from the sampling loop to an expression, in files that one patch changes."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import is_plain
from sdprof.fixes.source.reading.loops import LoopStatement, sampling_loop
from sdprof.fixes.source.reading.names import Function, Scope, last_name, scope_of, statement_of, within
from sdprof.fixes.source.reading.patch_root import are_patched_together
from sdprof.model import FunctionSite


@dataclass(frozen=True)
class Stage:
    """A function on the way, and what in it leads on."""

    source: ModuleSource
    function: Scope
    place: ast.expr
    """The expression itself, or the call of the next function."""
    loop: LoopStatement | None = None
    """The sampling loop, in the function that it stands in."""


def way_from_loop(site: SiteEvidence, sources: Sources, source: ModuleSource, node: ast.expr) -> list[Stage]:
    """From the function that an expression stands in out to the one with the loop.

    :raises DeclinedError: the loop is elsewhere, or its steps do not come here by plain calls.
    """
    seen = site.loop
    if seen is None or seen.loop is None:
        raise DeclinedError("It is not known where the loop is")
    function = scope_of(source, node)
    above = [seen.loop]
    for each in seen.chain:
        if each.file == source.path and _function_of(source, each) is function:
            break
        above.append(each)
    else:
        raise DeclinedError("The function is not one of those by which the loop calls the model")
    way = [Stage(source, function, node)]
    for caller in reversed(above):
        if not are_patched_together(caller.file, source.path):
            raise DeclinedError("A function lies between that another patch would change")
        its_source = sources.of(caller.file)
        outer = _function_of(its_source, caller)
        if outer is None:
            raise DeclinedError("A function lies between that is not found in its file")
        way.append(Stage(its_source, outer, _call(its_source, outer, way[-1].function, caller.call_line)))
    last = way[-1]
    loop = sampling_loop(last.source, last.place, last.source.path, seen.loop.qualname, seen)
    if loop is None:
        raise DeclinedError("The loop does not call the function itself")
    way[-1] = replace(last, loop=loop)
    return way


def _function_of(source: ModuleSource, site: FunctionSite) -> Scope | None:
    """The function that was seen running; its first line is that of its first decorator."""
    if site.qualname == "<module>":
        return source.tree
    for each in ast.walk(source.tree):
        if isinstance(each, Function) and each.name == site.qualname.rpartition(".")[2]:
            first = min(each.lineno, *(decorator.lineno for decorator in each.decorator_list), each.lineno)
            if first == site.first_line:
                return each
    return None


def _call(source: ModuleSource, outer: Scope, inner: Scope, line: int) -> ast.Call:
    for each in within(outer):
        if isinstance(each, ast.Call) and isinstance(inner, Function) and last_name(each.func) == inner.name:
            statement = statement_of(source, each)
            if statement.lineno <= line <= (statement.end_lineno or line) and is_plain(each):
                return each
    raise DeclinedError("The call that leads to it is not found by the name of the function")
