"""Make what each step copies to the device before the loop, and copy it for all steps at once."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.guards import known_before
from sdprof.fixes.source.reading.calls import LONGEST_ROW
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import before_loop
from sdprof.fixes.source.reading.names import (
    COMPREHENSIONS,
    Scope,
    around,
    is_free,
    last_name,
    scope_of,
    statement_of,
    within,
)
from sdprof.fixes.source.reading.on_device.moves import move_of
from sdprof.fixes.source.reading.on_device.step_values import StepValues, walk_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.straight_line import without
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword
from sdprof.fixes.source.reading.tests_between import tests_between
from sdprof.model import FixMeta

META = FixMeta(
    id="copy-steps-at-once",
    title="Copy what the steps take from the host once, for all of them",
    kind="source",
    numerics="exact",
    removes=("host-to-device-in-loop",),
    order=32,
)
MOST_BYTES = 2**20
"""Of one step: the device keeps those of all steps."""


def concerns(site: SiteEvidence) -> bool:
    """Whether a small tensor was copied to the device, another one in each step."""
    return site.kind == "H2D" and not site.identical_content and site.bytes <= MOST_BYTES * site.count


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``c = torch.from_numpy(f(i)).to(d)`` in ``for i in range(n)`` → ``c = c_per_step[i]``, and in front of the loop::

        c_on_host = [torch.from_numpy(f(i)) for i in range(n)]
        c_per_step = torch.stack(c_on_host).to(d) if c_on_host else []

    The host computes what it computed, so the bits stay. It must depend on nothing but the loop's variable and what the
    loop leaves as it is, and every step must come to it.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The copy is not made by a call in this expression")
    loop = frame.loop_around(node)
    if not isinstance(loop, ast.For) or loop.orelse:
        raise DeclinedError("The copy is not made in a for loop of the function that runs the steps")
    scope = scope_of(source, node)
    _check_each_step_comes(source, node, loop)
    host, device, moved = _taken_apart(frame, node)
    if not known_before(source, device, loop, scope):
        raise DeclinedError("The device is not known before the loop")
    walk = walk_of(frame, loop)
    values = StepValues(frame, loop, walk.entries)
    made = values.text(host) if isinstance(host, ast.expr) else host.text(values)
    base = _base(source, node, scope)
    on_host, per_step = f"{base}_on_host", f"{base}_per_step"
    whole = walk.table if made in walk.entries.values() else ""
    if whole and "," not in moved:
        per_step = f"{whole.rpartition('.')[2]}_on_device"
    if not (is_free(scope, on_host) and is_free(scope, per_step)):
        raise DeclinedError(f"{on_host} and {per_step} are names of something else")
    torch, imports = torch_name(source)
    first = before_loop(source, loop, f"{on_host} = [{made} for {walk.head}]")
    indent = first.text[: len(first.text) - len(first.text.lstrip())]
    deeper, made_on_host = "\t" if "\t" in indent else "    ", first.text
    if len(made_on_host) > LONGEST_ROW:
        made_on_host = f"{indent}{on_host} = [\n{indent}{deeper}{made}\n{indent}{deeper}for {walk.head}\n{indent}]\n"
    copied = f"{indent}{per_step} = {torch}.stack({on_host}){moved} if {on_host} else []\n"
    if whole:
        made_on_host, copied = "", f"{indent}{per_step} = {whole}{moved}\n"
    value = f"{per_step}[{walk.index}]" if walk.index else f"{base}_of_step"
    if not walk.index and not is_free(scope, value):
        raise DeclinedError(f"{value} is a name of something else")
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(
                Replacement(start=first.start, end=first.end, text=made_on_host + copied),
                *([] if walk.index else walk.beside(source, loop, value, per_step)),
                in_place(source, node, value),
                *without(source, values.needless(node)),
            ),
            imports=imports,
            numerics="exact",
            proof="data",
            description="What the steps take from the host is made before the loop, and copied at once.",
        ),
    )


class _Call:
    """``torch.tensor(data, dtype=…)`` without its device."""

    def __init__(self, source: ModuleSource, call: ast.Call) -> None:
        self.source, self.call = source, call

    def text(self, values: StepValues) -> str:
        given = [values.text(each) for each in self.call.args]
        given += [f"{each.arg}={values.text(each.value)}" for each in self.call.keywords if each.arg != "device"]
        return f"{self.source.code(self.call.func)}({', '.join(given)})"


def _taken_apart(frame: Frame, node: ast.Call) -> tuple[ast.expr | _Call, ast.expr, str]:
    """What the host makes, the device that it goes to, and the call that takes all of it there."""
    source = frame.source
    if last_name(node.func) in ("tensor", "as_tensor") and is_torch_call(source, node):
        device = keyword(node, "device")
        if device is None or any(each.arg not in ("dtype", "device") for each in node.keywords):
            raise DeclinedError("The call names no device")
        return _Call(source, node), device, f".to({source.code(device)})"
    move = move_of(source, node, frame.values)
    if move.converts and not move.names_dtype:
        raise DeclinedError("The dtype is that of another tensor")
    dtype = f", {move.dtype_text}" if move.dtype_text else ""
    return move.host, move.device, f".to({move.device_text}{dtype})"


def _check_each_step_comes(source: ModuleSource, node: ast.expr, loop: ast.For) -> None:
    if any(tests_between(source, node, loop)):
        raise DeclinedError(
            "Not every step comes to the copy: made before the loop, it might fail where the loop does not"
        )
    for each in around(source, node, loop):
        if isinstance(each, (*COMPREHENSIONS, ast.Lambda, ast.While, ast.AsyncFor)) or (
            isinstance(each, ast.For) and each is not loop
        ):
            raise DeclinedError("The copy is made several times in a step")
    if any(isinstance(each, ast.Break | ast.Return | ast.Raise) for each in ast.walk(loop)):
        raise DeclinedError("The loop may end before its last step: what that would need might not be there to be made")


def _base(source: ModuleSource, node: ast.Call, scope: Scope) -> str:
    """A name after what is assigned, or what is moved; never the same for two."""
    wished = _wish(source, node)
    alike = [
        ast.dump(each)
        for each in within(scope)
        if isinstance(each, ast.Call) and last_name(each.func) == last_name(node.func) and _wish(source, each) == wished
    ]
    number = list(dict.fromkeys(alike)).index(ast.dump(node)) + 1
    return wished if number == 1 else f"{wished}_{number}"


def _wish(source: ModuleSource, node: ast.Call) -> str:
    statement = statement_of(source, node)
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name) and statement.value is node:
                return target.id
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                given = dict(zip(statement.value.elts, target.elts, strict=False))
                if isinstance(name := given.get(node), ast.Name):
                    return name.id
    owner: ast.expr = node.func.value if isinstance(node.func, ast.Attribute) else node
    while isinstance(owner, ast.Subscript | ast.Call):
        owner = owner.value if isinstance(owner, ast.Subscript) else owner.func
    word = last_name(owner).strip("_").lower()
    return word if word not in ("", "to", "tensor", "from_numpy", "torch") else "values"
