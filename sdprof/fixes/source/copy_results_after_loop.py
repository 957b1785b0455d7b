"""Collect what each step gives on the device, and copy it to the host when the loop is done."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import with_argument
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.loops import LoopStatement, after_statement
from sdprof.fixes.source.reading.names import bindings, is_free, last_name, scope_of, within
from sdprof.fixes.source.reading.tensor_calls import keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="copy-results-after-loop",
    title="Copy the results of the steps to the host after the loop",
    kind="source",
    numerics="exact",
    removes=("device-to-host-in-loop", "host-to-device-in-loop"),
    order=20,
)
MOST_BYTES = 64 * 2**20
"""Of one step's result. The device keeps those of all steps: latents and small pictures, no videos."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host in each step."""
    return site.kind == "D2H" and not site.first_step_alone


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``xs.append(x.cpu())`` → ``xs.append(x.clone())``, and behind the loop ``xs[n:] = [x.cpu() for x in xs[n:]]``.

    The loop may do nothing else with the list but take results back to the device: ``xs[-1].to(d)`` gets ``copy=True``,
    so that it is a tensor of its own as before, and nothing comes from the host.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    given = _to_host(node)
    if given is None:
        raise DeclinedError("The copy is not made by .cpu() or .to('cpu') in this expression")
    name = _collected_in(source, node)
    loop = frame.loop_around(node)
    if loop is None or name is None:
        raise DeclinedError("What is copied is not collected in a list: the host may look at it in this very step")
    if site.bytes > MOST_BYTES * site.count:
        raise DeclinedError("The results of all steps would take much of the device's memory")
    kept = _length_before(source, loop, name)
    if any(isinstance(each, ast.Return | ast.Yield | ast.YieldFrom) for each in ast.walk(loop)):
        raise DeclinedError("The function may hand the list over before the loop is done")
    taken_back = _taken_back(source, loop, name)
    item = next(each for each in ("each", "item", "result", "one_of_them") if is_free(scope_of(source, loop), each))
    part = f"{name}[{kept}:]" if kept else name
    copied = f"{name}[{kept or ''}:] = [{item}.cpu() for {item} in {part}]"
    (start, end), value = source.span(node), source.code(given)
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(
                Replacement(start=start, end=end, text=f"{value}.clone()"),
                after_statement(source, loop, copied),
                *taken_back,
            ),
            numerics="exact",
            proof="data",
            description="The results stay on the device, which keeps all of them, and are copied after the loop.",
        ),
    )


def _to_host(node: ast.expr) -> ast.expr | None:
    """``x`` of ``x.cpu()`` and ``x.to('cpu')``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)) or node.keywords:
        return None
    given = [ast.unparse(each) for each in node.args]
    plain = (node.func.attr, given) in (("cpu", []), ("to", ["'cpu'"]), ("to", ["torch.device('cpu')"]))
    return node.func.value if plain and isinstance(node.func.value, ast.Name | ast.Attribute | ast.Call) else None


def _collected_in(source: ModuleSource, node: ast.expr) -> str | None:
    call = source.parents[node]
    if not (isinstance(call, ast.Call) and call.args == [node] and last_name(call.func) == "append"):
        return None
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return owner.id if isinstance(owner, ast.Name) and isinstance(source.parents[call], ast.Expr) else None


def _length_before(source: ModuleSource, loop: LoopStatement, name: str) -> int:
    """How long the list is before the loop.

    :raises DeclinedError: that cannot be told.
    """
    bound = bindings(scope_of(source, loop), name)
    made = bound[0].value if len(bound) == 1 else None
    if not isinstance(made, ast.List) and made is not None:
        made = _unpacked_list(bound[0].node, name)
    if not isinstance(made, ast.List) or any(isinstance(each, ast.Starred) for each in made.elts):
        raise DeclinedError(f"It is not seen that {name} is a list that this function makes")
    if getattr(bound[0].node, "lineno", loop.lineno) >= loop.lineno:
        raise DeclinedError(f"{name} is made anew in the loop")
    return len(made.elts)


def _unpacked_list(statement: ast.AST, name: str) -> ast.expr | None:
    """The list in ``xs, others = [], []``."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
        for target in statement.targets:
            if isinstance(target, ast.Tuple) and len(target.elts) == len(statement.value.elts):
                for part, value in zip(target.elts, statement.value.elts, strict=True):
                    if isinstance(part, ast.Name) and part.id == name:
                        return value
    return None


def _taken_back(source: ModuleSource, loop: LoopStatement, name: str) -> list[Replacement]:
    """What has to change where entries go back to a device: no other use but one append is there up to the loop's end.

    :raises DeclinedError: there is another one.
    """
    scope, appends, changes = scope_of(source, loop), 0, list[Replacement]()
    own = list(within(scope))
    for each in ast.walk(scope):
        if not (isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load)):
            continue
        if each not in own:
            raise DeclinedError(f"A nested function may look at {name}")
        if each.lineno > (loop.end_lineno or loop.lineno):
            continue
        use = source.parents[each]
        if isinstance(use, ast.Attribute) and use.attr == "append":
            appends += 1
            continue
        entry = source.parents[use] if isinstance(use, ast.Subscript) and use.value is each else None
        call = source.parents[entry] if isinstance(entry, ast.Attribute) and entry.attr == "to" else None
        if not isinstance(call, ast.Call) or keyword(call, "copy") is not None or not call.args:
            raise DeclinedError(f"The loop looks at what {name} holds")
        changes.append(with_argument(source, call, "copy=True"))
    if appends != 1:
        raise DeclinedError(f"{name} is filled in several places")
    return changes
