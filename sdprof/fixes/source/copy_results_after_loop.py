"""Collect what each step gives on the device, and copy it to the host when the loop is done."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.collecting.collected import (
    Collected,
    collected_in,
    length_before,
    outermost,
    taken_back,
)
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, after_statement, before_loop
from sdprof.fixes.source.reading.names import is_free, last_name, scope_of
from sdprof.fixes.source.reading.on_device.moves import is_to_host
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.tensor_calls import number_read
from sdprof.model import FixMeta

META = FixMeta(
    id="copy-results-after-loop",
    title="Copy the results of the steps to the host after the loop",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop", "host-to-device-in-loop", "sync-in-loop"),
    order=20,
)
MOST_BYTES = 64 * 2**20
"""Of one step's result. The device keeps those of all steps: latents and small pictures, no videos."""
_FRESH = "clamp clip add sub mul div square sqrt exp abs round clone mean sum norm std var amax amin max min"
FRESH = frozenset(_FRESH.split())
"""Methods whose result is a tensor of its own."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host, or one number read, in each step."""
    return (site.kind == "D2H" or (site.kind == "SYNC" and site.shape == ())) and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``xs.append(x.cpu())`` → ``xs.append(x.clone())``, and behind the loop ``xs[n:] = [x.cpu() for x in xs[n:]]``.

    What is made of the copy, as in ``xs.append(x.cpu().numpy())``, is made behind the loop as well. Numbers,
    ``xs.append(x.item())``, go to the host in one copy.
    The loop may do nothing else with the list but take results back to the device: ``xs[-1].to(d)`` gets ``copy=True``,
    so that it is a tensor of its own as before, and nothing comes from the host.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    given = _to_host(node) if site.kind == "D2H" else number_read(node)
    if given is None:
        raise DeclinedError("The copy is not made by .cpu() or .to('cpu') in this expression")
    loop = frame.loop_around(node)
    collected = collected_in(source, node, loop) if loop is not None else None
    if loop is None or collected is None:
        raise DeclinedError("What is copied is not collected in a list: the host may look at it in this very step")
    loop = outermost(source, loop, collected.name)
    collected = collected_in(source, node, loop)
    if collected is None:
        raise DeclinedError("What is made of the copy depends on what a loop around this one changes")
    plain = collected.value is node and collected.into == "list" and collected.within is None
    if site.kind == "SYNC" and not plain:
        raise DeclinedError("The number that is read is not collected as it is")
    if site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The results of all steps would take much of the device's memory")
    kept = str(length_before(source, loop, collected) or "")
    if any(isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) for each in ast.walk(loop)):
        raise DeclinedError("The function may hand the list over before the loop is done")

    def alike(value: ast.expr) -> Replacement | None:
        """Another result that goes to the same list."""
        other = _to_host(value) if plain and site.kind == "D2H" else None
        return None if other is None else in_place(source, value, _kept_on_device(source, other, of_number=False))

    try:
        others = taken_back(source, loop, collected, alike)
    except DeclinedError:
        kept = f"{collected.name}_before"
        if collected.into != "list" or not is_free(scope_of(source, loop), kept):
            raise
        others = taken_back(source, loop, collected, counted=True)
        others.append(before_loop(source, loop, f"{kept} = len({collected.container})"))
    changes = [
        in_place(source, collected.value, _kept_on_device(source, given, of_number=site.kind == "SYNC")),
        after_statement(source, loop, _copied(source, collected, node, kept, loop)),
        *others,
    ]
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            # Each place proposes the same change: in one order, so that they are seen to be one.
            replacements=tuple(sorted(changes, key=lambda change: (change.start, change.end))),
            imports=torch_name(source)[1] if site.kind == "SYNC" else (),
            numerics="exact",
            proof="data",
            description="The results stay on the device, which keeps all of them, and are copied after the loop.",
        ),
    )


def _to_host(node: ast.expr) -> ast.expr | None:
    """``x`` of ``x.cpu()`` and ``x.to('cpu')``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    return node.func.value if is_to_host(node) else None


def _kept_on_device(source: ModuleSource, given: ast.expr, *, of_number: bool) -> str:
    """The result as a tensor of its own; a number had left behind what gradients need."""
    fresh = isinstance(given, ast.BinOp) or (isinstance(given, ast.Call) and last_name(given.func) in FRESH)
    if fresh and not of_number:
        return source.code(given)
    detached = ".detach()" if of_number else ""
    return f"{in_parentheses(source, given)}{detached}{'' if fresh else '.clone()'}"


def _copied(source: ModuleSource, collected: Collected, node: ast.expr, kept: str, loop: LoopStatement) -> str:
    scope = scope_of(source, loop)
    item = next(each for each in ("each", "item", "result", "one_of_them") if is_free(scope, each))
    container = collected.container
    part = f"{container}[{kept}:]" if kept else container
    if number_read(node) is not None:
        torch = torch_name(source)[0]
        return f"{container}[{kept}:] = {torch}.stack({part}).tolist() if {part} else []"
    (start, end), (first, behind) = source.span(collected.value), source.span(node)
    here = collected.access(item)
    made = " ".join(f"{source.text[start:first]}{here}.cpu(){source.text[behind:end]}".split())
    made = collected.rebuilt(item, made)
    if collected.into == "keys":
        key = next(each for each in ("key", "name", "step_of_it") if is_free(scope, each))
        return f"{container}.update({{{key}: {made} for {key}, {item} in {container}.items()}})"
    return f"{container}[{kept}:] = [{made} for {item} in {part}]"
