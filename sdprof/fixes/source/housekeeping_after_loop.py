"""Give cached memory back, and wait for nothing in particular, once behind the loop instead of in each step."""

from __future__ import annotations

import ast
from collections.abc import Collection

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import after_statement, is_invariant
from sdprof.fixes.source.reading.names import dotted, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone
from sdprof.model import FixMeta

META = FixMeta(
    id="housekeeping-after-loop",
    title="Give memory back and wait for the device once, behind the loop",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=15,
)
HOUSEKEEPING = frozenset({"torch.cuda.empty_cache", "torch.cuda.synchronize"})
_CLOCKS = "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time Event record elapsed_time"
CLOCKS = frozenset(_CLOCKS.split())
STREAMS = ("non_blocking", "Stream(", "cuda.stream(", "current_stream(", "pin_memory", "CUDAGraph", "cuda.graph(")
"""Where a file speaks of these, a wait may be what keeps the host from reading a copy that is not there yet."""
ASKED = (ast.Name, ast.Attribute, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Call)
ASKS_NOTHING = frozenset({"torch.cuda.is_available", "torch.cuda.is_initialized"})


def concerns(site: SiteEvidence) -> bool:
    """Whether the loop gave back memory, or waited because it was told to."""
    return site.kind == "SYNC" and site.op in HOUSEKEEPING


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.cuda.empty_cache()`` in the loop → the same once behind it; in a function that the loop calls, never.

    No number depends on either call. PyTorch gives its cache back by itself before it runs out of memory; what it keeps
    until then is missing to other processes. A wait stays where a clock is read, and where copies do not block or
    streams are used, which it may be there for.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    statement = statement_of(source, node)
    reason = _what_waits(site, sources)
    gone = {"torch.cuda.empty_cache"} if reason else HOUSEKEEPING
    if not _does(statement, HOUSEKEEPING):
        raise DeclinedError("It is not a statement by itself")
    if not _does(statement, gone):
        raise DeclinedError(reason)
    block = block_of(source, statement)
    together = block if all(_does(each, gone) for each in block) else [statement]
    condition = source.parents[statement]
    empty = together is block
    if empty and isinstance(condition, ast.If) and _asks_nothing_else(source, condition):
        block, together = block_of(source, condition), [condition]
        empty = len(block) == 1
    if not all(stands_alone(source, each) for each in together):
        raise DeclinedError("The statement shares its line with other code")
    loop = frame.loop_around(node)
    (start, _), (_, end) = source.span(together[0]), source.span(together[-1])
    first, last = source.line_start(together[0].lineno), together[-1]
    behind = source.line_start((last.end_lineno or last.lineno) + 1)
    changes = [
        Replacement(start=start, end=end, text="pass") if empty else Replacement(start=first, end=behind, text="")
    ]
    moved = loop is not None and all(is_invariant(each, loop) for each in together)
    if loop is not None and moved:
        indent = source.text[source.line_start(loop.lineno) : source.span(loop)[0]]
        before, lines = source.text[first:start], source.text[start:end].splitlines()
        text = "\n".join([lines[0], *(indent + line.removeprefix(before) for line in lines[1:])])
        changes.append(after_statement(source, loop, text))
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=tuple(changes),
            numerics="exact",
            proof="data",
            description="It happens once, behind the loop." if moved else "No step does it any more.",
        ),
    )


def _does(statement: ast.stmt, what: Collection[str]) -> bool:
    """``torch.cuda.empty_cache()``, ``torch.cuda.synchronize(device)``, and nothing else."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or dotted(call.func) not in what:
        return False
    return all(dotted(each) is not None for each in (*call.args, *(each.value for each in call.keywords)))


def _asks_nothing_else(source: ModuleSource, condition: ast.If) -> bool:
    """Whether an ``if`` may go with what stands under it: it has no other branch, and asking has no effect."""
    asked = [each for each in ast.walk(condition.test) if isinstance(each, ast.expr)]
    calls = [each for each in asked if isinstance(each, ast.Call)]
    follows_another = source.text[source.span(condition)[0] :].startswith("elif")
    plain = all(dotted(each.func) in ASKS_NOTHING for each in calls)
    return plain and not condition.orelse and not follows_another and all(isinstance(each, ASKED) for each in asked)


def _what_waits(site: SiteEvidence, sources: Sources) -> str:
    """What the functions on the way from the loop may wait for; empty where nothing was found."""
    for seen in site.stack:
        if seen.library:
            continue
        source = sources.of(seen.where.file)
        if any(each in source.text for each in STREAMS):
            return "The file has copies that do not block, or streams: the wait may be for them"
        scope = scope_of(source, source.node_at(seen.where))
        if any(isinstance(each, ast.Call) and last_name(each.func) in CLOCKS for each in ast.walk(scope)):
            return "A clock is read: without the wait it would not show what the device did"
    return ""
