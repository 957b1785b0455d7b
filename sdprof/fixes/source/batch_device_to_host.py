"""Copy a batch to the host at once instead of one item after the other."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.guards import table_unless_none
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.collecting.elementwise import elementwise_of
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import before_loop, is_invariant
from sdprof.fixes.source.reading.names import COMPREHENSIONS, around, dotted, last_name, read_in, scope_of, stored_names
from sdprof.fixes.source.reading.on_host.host_copy import copy_name, in_place
from sdprof.fixes.source.reading.on_host.iteration import element_of, item_of
from sdprof.fixes.source.reading.seen import is_tensor
from sdprof.fixes.source.reading.tensor_calls import is_only_read
from sdprof.model import FixMeta

META = FixMeta(
    id="batch-device-to-host",
    title="Copy a batch of images to the host at once",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop", "repeated-copy-outside-loop"),
    order=10,
)
ON_HOST_ALIKE = frozenset({"cpu", "to", "detach", "shape", "dtype", "tolist", "size", "ndim"})
"""What gives the same of a tensor on the host."""
Loop = ast.For | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host."""
    return site.kind == "D2H"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``for image in images: image.cpu()`` → ``for image in images.cpu(): image.cpu()``, which copies nothing more.

    What is done to every element of each image before it is copied, is done to the batch: ``((image + 1) / 2).cpu()`` →
    ``for image in ((images + 1) / 2).cpu(): image``.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    if not isinstance(node, ast.Call) or last_name(node.func) not in ("cpu", "to", "tolist", "numpy"):
        raise DeclinedError("The copy is not made by a call of .cpu() in this expression")
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if owner is not None and frame.loop_around(node) is None:
        again = _same_in_each_pass(frame, node, owner)
        if again is not None:
            return (_edit(site, source, again, "What the loop does not change is copied to the host once, before it."),)
    names = read_in(owner) if owner is not None else set()
    found = {name: through for name in sorted(names) if (through := _runs_through(frame, node, name)) is not None}
    if owner is None or len(found) != 1:
        raise DeclinedError("What is copied is not the variable of a loop over a batch")
    ((name, (loop, batch)),) = found.items()
    if not elementwise_of(owner, name):
        raise DeclinedError(f"More is done to {name} on the device than to each of its elements alike")
    uses = _uses(source, loop, name)
    alone = set(uses) <= set(ast.walk(owner))
    plain = isinstance(_without_detach(owner), ast.Name)
    if not (alone or (plain and all(_is_alike(source, each) for each in uses))):
        raise DeclinedError(f"{name} is used on the device as well")
    whole = in_parentheses(source, batch)
    changes = [in_place(source, batch, f"{whole}.cpu()")]
    if not plain:
        (use,) = [each for each in ast.walk(owner) if isinstance(each, ast.Name) and each.id == name]
        (first, behind), (start, end) = source.span(owner), source.span(use)
        of_batch = f"{source.text[first:start]}{whole}{source.text[end:behind]}"
        primary = isinstance(owner, ast.Call)
        changes = [
            in_place(source, batch, f"{of_batch if primary else f'({of_batch})'}.cpu()"),
            in_place(
                source, node, name if last_name(node.func) in ("cpu", "to") else f"{name}.{last_name(node.func)}()"
            ),
        ]
    return (
        _edit(site, source, changes, "The whole batch is copied to the host once, before the loop over its items."),
    )


def _edit(site: SiteEvidence, source: ModuleSource, changes: list[Replacement], said: str) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=tuple(changes),
        numerics="exact",
        proof="data",
        description=said,
    )


def _same_in_each_pass(frame: Frame, node: ast.Call, owner: ast.expr) -> list[Replacement] | None:
    """``table.cpu()`` and ``images[i].cpu()``, of a tensor that the loop around them leaves as it is.

    The tensor is copied in front of the loop, in the frame of which no sampling loop runs.
    """
    source, scope = frame.source, scope_of(frame.source, node)
    whole = owner.value if isinstance(owner, ast.Subscript) else owner
    loop = next((each for each in around(source, node, scope) if isinstance(each, ast.For | ast.While)), None)
    if dotted(whole) is None or loop is None or last_name(node.func) != "cpu" or node not in _parts(loop):
        return None
    if is_tensor(whole, frame.values, "cuda") is not True or not is_invariant(whole, loop):
        return None
    if not is_left_alone(source, whole, loop, scope):
        return None
    name, copy = copy_name(scope, whole), table_unless_none(source, whole, loop, scope)
    if name is None or copy is None:
        return None
    hoisted = before_loop(source, loop, f"{name} = {copy}")
    if owner is whole:
        return [hoisted, in_place(source, node, name if is_only_read(source, node) else f"{name}.clone()")]
    return [hoisted, in_place(source, whole, name)]


def _parts(loop: ast.For | ast.While) -> set[ast.AST]:
    """What runs in each pass."""
    return {each for statement in loop.body for each in ast.walk(statement)}


def _without_detach(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "detach":
        node = node.func.value
    return node


def _runs_through(frame: Frame, node: ast.AST, name: str) -> tuple[Loop, ast.expr] | None:
    """The loop whose variable the name is, and the batch on the device that it runs through."""
    source = frame.source
    for each in around(source, node, scope_of(source, node)):
        batch: ast.expr | None = None
        if isinstance(each, ast.For) and name in stored_names(each.target):
            element = element_of(each, name, scope_of(source, node))
            batch = element.iterable if element is not None else None
        elif isinstance(each, COMPREHENSIONS):
            parts = [part for part in each.generators if name in stored_names(part.target)]
            batch = item_of(parts[0].target, parts[0].iter, name, scope_of(source, node)) if parts else None
            if not parts:
                continue
        else:
            continue
        if batch is None or batch not in source.parents or is_tensor(batch, frame.values, "cuda") is not True:
            raise DeclinedError("It was not seen that the loop runs through a tensor on the device")
        return each, batch
    return None


def _uses(source: ModuleSource, loop: Loop, name: str) -> list[ast.Name]:
    """Where the loop reads its variable, up to the statement that gives the name another value."""
    if not isinstance(loop, ast.For):
        return _loads(loop, name)
    found: list[ast.Name] = []
    for statement in loop.body:
        found += _loads(statement, name)
        if (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == name
        ):
            return found
    return found


def _loads(node: ast.AST, name: str) -> list[ast.Name]:
    return [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load)
    ]


def _is_alike(source: ModuleSource, use: ast.Name) -> bool:
    parent = source.parents[use]
    return isinstance(parent, ast.Attribute) and parent.attr in ON_HOST_ALIKE
