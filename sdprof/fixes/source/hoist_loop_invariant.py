"""Copy or make once what the loop copies or makes again and again with the same content."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.before_loop.guards import known_before, unless_none
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.before_loop.made_once import made_once
from sdprof.fixes.source.reading.before_loop.moved_before_loop import outdented
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop
from sdprof.fixes.source.reading.names import dotted, is_free, last_name, scope_of, statement_of, within
from sdprof.fixes.source.reading.on_device.host_trees import FACTORIES, PURE, RANDOM
from sdprof.fixes.source.reading.on_device.moves import Move, move_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import is_tensor
from sdprof.fixes.source.reading.tensor_calls import is_only_read, is_torch_call, keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="hoist-loop-invariant",
    title="Make once, before the loop, what never changes",
    kind="source",
    numerics="exact",
    removes=("loop-invariant-copy", "host-to-device-in-loop", "loop-invariant-tensor", "repeated-copy-outside-loop"),
    order=30,
)
DATA = frozenset({"tensor", "as_tensor", "from_numpy", "FloatTensor", "LongTensor"})
MOST_KEPT_BYTES = 65536
"""A larger tensor is not compared by its content at each visit, but known again by itself."""


def concerns(site: SiteEvidence) -> bool:
    """Whether the same bytes were copied at each visit or in each run, or the same tensor was made in each step."""
    if site.kind == "operator":
        return site.identical_content and not (site.op == "aten::cat" and len(site.input_shapes) == 1)
    return site.kind == "H2D" and (site.identical_content or site.count == 1 or site.in_each_run)


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """Move the statement, or the expression, in front of the loop; let an attribute stay where it was moved first.

    Where neither can be shown to be safe, a helper keeps one copy per content, or what was made of the same tensors.
    """
    if site.kind == "operator":
        return tuple(way.edit(META.id, site.where) for way in made_once(site, sources))
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return _index_kept(site, frame, node)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The copy is not made by a call in this expression")
    _refuse_random(node)
    edits: list[Edit] = []
    loop = frame.loop_around(node)
    if loop is not None and _stays(source, node, loop) and _is_repeatable(source, node):
        edits += _hoisted(site, source, node, loop)
    if last_name(node.func) in ("to", "cuda", "type_as"):
        move = move_of(source, node, frame.values)
        if isinstance(move.host, ast.Attribute) and _only_moved(source, move.host) and not move.converts:
            edits.append(_attribute_moved(site, source, move))
        edits += _kept_move(site, source, move)
    elif last_name(node.func) in ("tensor", "as_tensor") and is_torch_call(source, node):
        edits += _kept_data(site, source, node, keyword(node, "device"))
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "new_tensor":
        edits += _kept_like(site, source, node, node.func.value)
    if not edits:
        raise DeclinedError("What is copied is bound in the loop, and too large to be compared at each visit")
    return tuple(edits)


def _edit(
    site: SiteEvidence,
    source: ModuleSource,
    changes: list[Replacement],
    said: str,
    helpers: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=tuple(changes),
        helpers=helpers,
        imports=imports,
        numerics="exact",
        proof="data",
        description=said,
    )


def _refuse_random(node: ast.expr) -> None:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and last_name(each.func) in RANDOM:
            raise DeclinedError("Random numbers are drawn on the host: keeping them would change the random stream")


def _stays(source: ModuleSource, node: ast.Call, loop: LoopStatement) -> bool:
    """Whether what is copied is there before the loop, and the same in each step."""
    scope = scope_of(source, node)
    return known_before(source, node, loop, scope) and is_left_alone(source, node, loop, scope)


def _is_repeatable(source: ModuleSource, node: ast.expr) -> bool:
    """Whether nothing in the expression can have an effect or another result the next time."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            name = last_name(each.func)
            known = name in PURE | DATA | FACTORIES | {"cat", "stack", "to", "cuda", "type_as", "len", "range", "list"}
            if not known:
                return False
        elif isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Lambda):
            return False
    return True


def _hoisted(site: SiteEvidence, source: ModuleSource, node: ast.Call, loop: LoopStatement) -> list[Edit]:
    statement = statement_of(source, node)
    scope = scope_of(source, node)
    said = "It is copied once, before the loop."
    if (
        isinstance(statement, ast.Assign)
        and statement.value is node
        and statement in loop.body
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
        and _is_bound_once(scope, statement.targets[0].id)
        and _is_read_later(statement, loop)
        and source.text[source.line_start(statement.lineno) : source.span(statement)[0]].isspace()
        and _is_never_written(loop, statement.targets[0].id)
    ):
        start = source.line_start(statement.lineno)
        end = source.line_start((statement.end_lineno or statement.lineno) + 1)
        if source.text[source.span(statement)[1] : end].strip()[:1] in ("", "#"):
            moved = [
                before_loop(source, loop, outdented(source, statement, loop)),
                Replacement(start=start, end=end, text=""),
            ]
            if len(loop.body) > 1:
                return [_edit(site, source, moved, said)]
    copied = unless_none(source, node, loop, scope)
    if copied is None:
        return []
    name = _name_for(source, node, scope)
    text = name if is_only_read(source, node) or _is_indexed(source, node) else f"{name}.clone()"
    start, end = source.span(node)
    changes = [before_loop(source, loop, f"{name} = {copied}"), Replacement(start=start, end=end, text=text)]
    return [_edit(site, source, changes, said)]


def _is_bound_once(scope: ast.AST, name: str) -> bool:
    stores = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == name]
    return sum(not isinstance(each.ctx, ast.Load) for each in stores) == 1


def _is_read_later(statement: ast.Assign, loop: LoopStatement) -> bool:
    """The name is read nowhere before its assignment: else it would carry a value from one iteration to the next."""
    target = statement.targets[0]
    assert isinstance(target, ast.Name)
    return all(
        (each.lineno, each.col_offset) > (statement.lineno, statement.col_offset)
        for each in ast.walk(loop)
        if isinstance(each, ast.Name) and each.id == target.id and isinstance(each.ctx, ast.Load)
    )


def _is_never_written(loop: LoopStatement, name: str) -> bool:
    """Nothing writes into the tensor, and it is handed to nobody who might, or keep it."""
    parents = {child: node for node in ast.walk(loop) for child in ast.iter_child_nodes(node)}
    for each in ast.walk(loop):
        if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Load):
            parent = parents[each]
            arithmetic = isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Compare)
            indexed = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)
            method = isinstance(parent, ast.Attribute) and not parent.attr.endswith("_")
            argument = isinstance(parent, ast.Call) and (dotted(parent.func) or "").split(".")[0] in ("torch", "F")
            if not (arithmetic or indexed or method or argument):
                return False
    return True


def _is_indexed(source: ModuleSource, node: ast.expr) -> bool:
    parent = source.parents[node]
    return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)


def _name_for(source: ModuleSource, node: ast.expr, scope: ast.AST) -> str:
    """A name after what is copied, or after what it is assigned to."""
    statement = statement_of(source, node)
    words = [last_name(each) for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute)]
    owner = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    base = last_name(owner) if owner is not None and dotted(owner) and last_name(owner) not in ("torch", "th") else ""
    if not base and isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        base = statement.targets[0].id
    base = base or next((each for each in words if each not in ("torch", "th", "tensor", "to", "device")), "constant")
    number, wished = 1, f"{base}_on_device"
    while not is_free(scope, wished):  # type: ignore[arg-type]
        number += 1
        wished = f"{base}_on_device_{number}"
    return f"{wished}_l{node.lineno}" if _is_common(scope, base, node) else wished


def _is_common(scope: ast.AST, base: str, node: ast.expr) -> bool:
    """Whether two different copies in this scope would get the same name."""
    same = [
        each
        for each in within(scope)
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in ("to", "cuda")
        and last_name(each.func.value) == base
    ]
    return len({ast.dump(each) for each in same} | {ast.dump(node)}) > 1


def _only_moved(source: ModuleSource, attribute: ast.Attribute) -> bool:
    """Whether the file does nothing with this attribute but assign it, move it, or ask for its size."""
    for each in ast.walk(source.tree):
        if isinstance(each, ast.Attribute) and each.attr == attribute.attr and isinstance(each.ctx, ast.Load):
            parent = source.parents[each]
            grand = source.parents.get(parent)
            moved = isinstance(parent, ast.Attribute) and parent.attr in ("to", "shape", "dtype", "device", "numel")
            sized = isinstance(parent, ast.Call) and last_name(parent.func) == "len"
            if not (moved or sized) and not (isinstance(grand, ast.Call) and last_name(grand.func) == "size"):
                return False
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "self"


def _attribute_moved(site: SiteEvidence, source: ModuleSource, move: Move) -> Edit:
    code = source.code(move.host)
    statement = statement_of(source, move.call)
    start = source.line_start(statement.lineno)
    indent = source.text[start : source.span(statement)[0]]
    if not (indent == "" or indent.isspace()):
        raise DeclinedError("The statement shares its line with another one")
    call_start, call_end = source.span(move.call)
    changes = [
        Replacement(start=start, end=start, text=f"{indent}{code} = {code}.to({move.device_text})\n"),
        Replacement(start=call_start, end=call_end, text=code),
    ]
    return _edit(site, source, changes, f"{code} stays on the device once it was moved there.")


def _kept_move(site: SiteEvidence, source: ModuleSource, move: Move) -> list[Edit]:
    if site.bytes > MOST_KEPT_BYTES * site.count and dotted(move.host) is None:
        return []
    arguments = [source.code(move.host), move.device_text, *([move.dtype_text] if move.dtype_text else [])]
    return [_kept(site, source, move.call, arguments)]


def _kept_data(site: SiteEvidence, source: ModuleSource, call: ast.Call, device: ast.expr | None) -> list[Edit]:
    if device is None or not call.args or site.bytes > MOST_KEPT_BYTES * site.count:
        return []
    others = [f"{each.arg}={source.code(each.value)}" for each in call.keywords if each.arg not in ("device", None)]
    host = f"{source.code(call.func)}({', '.join([source.code(call.args[0]), *others])})"
    return [_kept(site, source, call, [host, source.code(device)])]


def _kept_like(site: SiteEvidence, source: ModuleSource, call: ast.Call, like: ast.expr) -> list[Edit]:
    """``x.new_tensor(data)``, whose dtype and device are those of ``x``."""
    if dotted(like) is None or len(call.args) != 1 or call.keywords or site.bytes > MOST_KEPT_BYTES * site.count:
        return []
    torch, imports = torch_name(source)
    host = f"{torch}.tensor({source.code(call.args[0])}, dtype={source.code(like)}.dtype)"
    return [replace(_kept(site, source, call, [host, f"{source.code(like)}.device"]), imports=imports)]


def _kept(site: SiteEvidence, source: ModuleSource, node: ast.expr, arguments: list[str]) -> Edit:
    text = f"_on_device({', '.join(arguments)})"
    if not (is_only_read(source, node) or _is_indexed(source, node)):
        text += ".clone()"
    start, end = source.span(node)
    said = "A helper keeps the copy and hands it out again while the content is the same."
    return _edit(site, source, [Replacement(start=start, end=end, text=text)], said, ("_on_device",))


def _index_kept(site: SiteEvidence, frame: Frame, node: ast.Subscript) -> tuple[Edit, ...]:
    """``x[:, [2, 1, 0]]``, ``x[range(n), y]`` and ``x[host_index]``: keep the index on the device."""
    source = frame.source
    torch, imports = torch_name(source)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    moved = [each for each in parts if _is_index_on_host(source, each, frame)]
    ranges = [each for each in moved if isinstance(each, ast.Call) and last_name(each.func) == "range"]
    if len(moved) != max(1, len(ranges)):
        raise DeclinedError("The index that is copied is not a single list of numbers, range or host tensor")
    beside = [each for each in parts if dotted(each) is not None and is_tensor(each, frame.values, "cuda") is True]
    lies_there = node.value if dotted(node.value) is not None else beside[0] if ranges and beside else None
    if lies_there is None:
        raise DeclinedError("What is indexed is computed in the same expression")
    owner = source.code(lies_there)
    if ranges:
        counted = [", ".join(source.code(given) for given in each.args) for each in ranges]
        texts = [f"{torch}.arange({given}, device={owner}.device)" for given in counted]
        changes = [in_place(source, each, text) for each, text in zip(ranges, texts, strict=True)]
        return (_edit(site, source, changes, "The device counts for itself.", imports=imports),)
    (index,) = moved
    host, needs = (f"{torch}.tensor({source.code(index)})", imports) if isinstance(index, ast.List) else ("", ())
    edits: list[Edit] = []
    loop, scope = frame.loop_around(node), scope_of(source, node)
    device = ast.Attribute(node.value, "device", ast.Load())
    if loop is not None and host and known_before(source, device, loop, scope):
        name = _index_name(source, index, scope)
        made = f"{name} = {host[:-1]}, device={owner}.device)"
        changes = [before_loop(source, loop, made), in_place(source, index, name)]
        edits.append(_edit(site, source, changes, "The index is copied once, before the loop.", imports=needs))
    if site.bytes <= MOST_KEPT_BYTES * site.count:
        said = "A helper keeps the index on the device while its content is the same."
        text = f"_on_device({host or source.code(index)}, {owner}.device)"
        edits.append(_edit(site, source, [in_place(source, index, text)], said, ("_on_device",), needs))
    if not edits:
        raise DeclinedError("The index is too large to be compared at each visit")
    return tuple(edits)


def _index_name(source: ModuleSource, index: ast.expr, scope: ast.AST) -> str:
    """The same for the same list, never the same for two."""
    lists = [
        source.code(part)
        for each in ast.walk(scope)
        if isinstance(each, ast.Subscript)
        for part in (each.slice.elts if isinstance(each.slice, ast.Tuple) else [each.slice])
        if isinstance(part, ast.List)
    ]
    number = list(dict.fromkeys(lists)).index(source.code(index))
    name = f"index_on_device_{number + 1}" if number else "index_on_device"
    return name if is_free(scope, name) else f"{name}_l{index.lineno}"  # type: ignore[arg-type]


def _is_index_on_host(source: ModuleSource, index: ast.expr, frame: Frame) -> bool:
    if isinstance(index, ast.List):
        return all(isinstance(each, ast.Constant) for each in index.elts)
    if isinstance(index, ast.Call) and isinstance(index.func, ast.Name) and index.func.id == "range":
        return not index.keywords and not any(isinstance(each, ast.Starred) for each in index.args)
    if is_tensor(index, frame.values, "cpu") or (isinstance(index, ast.Call) and is_torch_call(source, index)):
        _refuse_random(index)
        return True
    return False
