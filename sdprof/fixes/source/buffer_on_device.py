"""Fill a buffer of results where they are computed, and copy it to the host when the loop is done."""

from __future__ import annotations

import ast
import math

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.collecting.collected import outermost
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import LoopStatement, after_statement
from sdprof.fixes.source.reading.names import bindings, read_in, scope_of, within
from sdprof.fixes.source.reading.on_device.host_trees import read_tree
from sdprof.fixes.source.reading.seen import Values
from sdprof.fixes.source.reading.straight_line import block_of
from sdprof.fixes.source.reading.tensor_calls import keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="buffer-on-device",
    title="Fill a buffer of results on the device and copy it after the loop",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop",),
    order=20,
)
MOST_ELEMENTS = 2**28
"""Of a buffer: what is larger is kept on the host to spare the device's memory."""

FLOATS = frozenset({"float64", "float32", "float16", "bfloat16"})
CONVERTED_ALIKE = ("float", "bfloat", "int", "uint", "bool")
"""What becomes a float is rounded as IEEE 754 says, everywhere."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host in each step."""
    return site.kind == "D2H" and site.op == "aten::copy_" and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``frames[i] = x`` → the same, with ``frames = torch.zeros(n, device=x.device)``, and then ``frames.cpu()``.

    The function makes the buffer itself, and the loop does nothing with it but fill it.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    target = node if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) else None
    if target is None or not isinstance(target.value, ast.Name):
        raise DeclinedError("What is copied is not written to a buffer that has a name")
    name, loop = target.value.id, frame.loop_around(node)
    if loop is None:
        raise DeclinedError("The buffer is not filled in the loop itself")
    loop = outermost(source, loop, name)
    made = _made_by(source, name, loop)
    tree = read_tree(source, made.value, frame.values, node)
    if tree.computes or tree.definitions or any(keyword(each, "device") is not None for each in tree.factories):
        raise DeclinedError(f"{name} is not made by a factory of torch that names no device")
    buffer = frame.values.get(name)
    if buffer is None or (buffer.kind, buffer.device) != ("tensor", "cpu"):
        raise DeclinedError("It was not seen that the buffer lies on the host")
    if buffer.dtype != site.dtype and not (buffer.dtype in FLOATS and site.dtype.startswith(CONVERTED_ALIKE)):
        raise DeclinedError("The results are converted in a way that may differ from device to device")
    if math.prod(buffer.shape) > MOST_ELEMENTS:
        raise DeclinedError("The buffer would take much of the device's memory")
    _check_only_filled(source, name, made, loop)
    device = _known_device(source, made, frame.values)
    then = after_statement(source, loop, f"{name} = {name}.cpu()")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(*tree.on_device(source, device), then),
            numerics="exact",
            proof="data",
            description="The buffer is filled on the device, and copied to the host once, after the loop.",
        ),
    )


def _made_by(source: ModuleSource, name: str, loop: LoopStatement) -> ast.Assign:
    """The statement in front of the loop that makes the buffer."""
    last = loop.end_lineno or loop.lineno
    bound = [each for each in bindings(scope_of(source, loop), name) if getattr(each.node, "lineno", 0) <= last]
    made = bound[0].node if len(bound) == 1 else None
    if not isinstance(made, ast.Assign) or len(made.targets) != 1 or not isinstance(made.targets[0], ast.Name):
        raise DeclinedError(f"{name} is not made by one assignment in this function")
    block = block_of(source, made)
    if loop not in block or block.index(loop) < block.index(made):
        raise DeclinedError(f"{name} is not made in front of the loop, in the same block")
    return made


def _check_only_filled(source: ModuleSource, name: str, made: ast.Assign, loop: LoopStatement) -> None:
    """Nothing but the loop's assignments to entries has to do with the buffer until the loop is done.

    :raises DeclinedError: something has.
    """
    if any(isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) for each in ast.walk(loop)):
        raise DeclinedError("The function may hand the buffer over before the loop is done")
    scope = scope_of(source, loop)
    for tried in ast.walk(scope):
        caught = [*tried.handlers, *tried.finalbody] if isinstance(tried, ast.Try) else []
        if any(name in read_in(each) for each in caught):
            raise DeclinedError(f"{name} is looked at where the loop fails")
    own = list(within(scope))
    for each in ast.walk(scope):
        if not (isinstance(each, ast.Name) and each.id == name) or each is made.targets[0]:
            continue
        if each not in own:
            raise DeclinedError(f"A nested function may look at {name}")
        parent = source.parents[each]
        filled = isinstance(parent, ast.Subscript) and parent.value is each and isinstance(parent.ctx, ast.Store)
        assigned = filled and isinstance(source.parents[parent], ast.Assign | ast.Tuple)
        if each.lineno <= (loop.end_lineno or loop.lineno) and not assigned:
            raise DeclinedError(f"{name} is looked at before the loop is done")


def _known_device(source: ModuleSource, made: ast.Assign, values: Values) -> str:
    """A parameter that is the device, or ``x.device`` of a tensor there that has its name before the buffer is made."""
    scope, beside = scope_of(source, made), block_of(source, made)
    tensors: list[str] = []
    for name, seen in values.items():
        if not name.isidentifier() or seen.device != "cuda":
            continue
        bound = bindings(scope, name)
        if seen.kind == "other" and [each.kind for each in bound] == ["parameter"]:
            return name
        if any(each.kind == "parameter" or each.node in beside[: beside.index(made)] for each in bound):
            tensors += [f"{name}.device"] if seen.kind == "tensor" else []
    if not tensors:
        raise DeclinedError("No tensor on the device has a name before the buffer is made")
    return tensors[0]
