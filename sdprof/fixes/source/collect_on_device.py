"""Let the device keep what each step fills into a tensor on the host, and copy that tensor when the loop is done."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.collected import outermost
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.host_trees import read_tree
from sdprof.fixes.source.reading.loops import LoopStatement, after_statement
from sdprof.fixes.source.reading.names import bindings, scope_of, within
from sdprof.fixes.source.reading.straight_line import block_of
from sdprof.model import FixMeta

META = FixMeta(
    id="collect-on-device",
    title="Fill in results on the device, and copy them to the host after the loop",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop",),
    order=21,
)
MOST_BYTES = 64 * 2**20
"""Of one step's result: the device keeps those of all steps."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was written from the device into a tensor on the host, in more than the first step."""
    return site.kind == "D2H" and site.op == "aten::copy_" and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``frames[i] = x``, ``frames = torch.zeros(n, …)`` on the host → ``torch.zeros(n, …, device=x.device)``.

    Behind the loop stands ``frames = frames.cpu()``. The loop may do nothing with the tensor but fill it in.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    loop = frame.loop_around(node)
    if not (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)):
        raise DeclinedError("It is not an entry of a tensor under a name of this function that is filled in")
    if loop is None:
        raise DeclinedError("The entry is filled in by a function that the loop calls")
    if site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The results of all steps would take much of the device's memory")
    name, scope = node.value.id, scope_of(source, node)
    loop = outermost(source, loop, name)
    bound = bindings(scope, name)
    if len(bound) != 1 or bound[0].kind != "assignment" or not isinstance(bound[0].node, ast.Assign):
        raise DeclinedError(f"{name} is not made by one assignment of this function")
    made = bound[0].node
    if made not in block_of(source, loop) or made.lineno > loop.lineno or len(made.targets) != 1:
        raise DeclinedError(f"{name} is not made in the block of the loop")
    if any(isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) for each in ast.walk(loop)):
        raise DeclinedError("The function may hand the tensor over before the loop is done")
    _check_only_filled(source, name, loop, made)
    tree = read_tree(source, made.value, frame.values, node)
    if tree.computes or tree.definitions:
        raise DeclinedError(f"{name} is more than zeros, or another constant")
    device = _device_before(frame, made)
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(*tree.on_device(source, device), after_statement(source, loop, f"{name} = {name}.cpu()")),
            numerics="exact",
            proof="data",
            description="The steps fill in a tensor of the device, which is copied after the loop.",
        ),
    )


def _check_only_filled(source: ModuleSource, name: str, loop: LoopStatement, made: ast.Assign) -> None:
    """Up to the end of the loop, the tensor is filled in entry by entry, and nobody looks at it."""
    scope = scope_of(source, loop)
    own = list(within(scope))
    for each in ast.walk(scope):
        if not (isinstance(each, ast.Name) and each.id == name) or each in made.targets:
            continue
        if each not in own:
            raise DeclinedError(f"A nested function may look at {name}")
        if each.lineno > (loop.end_lineno or loop.lineno):
            continue
        entry = source.parents[each]
        statement = source.parents[entry]
        plain = isinstance(entry, ast.Subscript) and isinstance(entry.ctx, ast.Store) and entry.value is each
        if not (plain and isinstance(statement, ast.Assign) and statement.targets == [entry]):
            raise DeclinedError(f"The loop does more with {name} than to fill in its entries")


def _device_before(frame: Frame, made: ast.Assign) -> str:
    """An expression for the device that has its value where the tensor is made: a parameter's."""
    scope = scope_of(frame.source, made)
    parameters = {
        name: seen
        for name, seen in frame.values.items()
        if [each.kind for each in bindings(scope, name)][:1] == ["parameter"] and seen.device == "cuda"
    }
    for name, seen in parameters.items():
        if seen.kind == "other" and seen.type_name in ("device", "str") and len(bindings(scope, name)) == 1:
            return name
    for name, seen in parameters.items():
        if seen.kind == "tensor":
            return f"{name}.device"
    raise DeclinedError("No parameter tells the device")
