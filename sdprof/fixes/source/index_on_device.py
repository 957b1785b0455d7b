"""Look a number up in a table on the device, by an index on the device, without asking the host which entry it is."""

from __future__ import annotations

import ast
import math

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument, in_parentheses
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import bindings, dotted, is_parameter, last_name, read_in, scope_of, statement_of
from sdprof.fixes.source.reading.on_device.moves import is_to_host
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_origins import make_host
from sdprof.fixes.source.reading.on_host.twins import twin
from sdprof.fixes.source.reading.seen import device_of, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import loads_after, names_bound_between, without
from sdprof.fixes.source.reading.tensor_calls import check_arguments, is_only_read, is_torch_call, keyword, torch_of
from sdprof.model import FixMeta

META = FixMeta(
    id="index-on-device",
    title="Look numbers up by an index on the device without reading the index",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop", "device-to-host-in-loop", "host-to-device-in-loop"),
    order=15,
)
INTEGERS = frozenset({"int64", "int32", "int16", "int8", "uint8"})


GATHERS = frozenset({"gather", "index_select", "take"})
WRAPS = frozenset({"from_numpy", "tensor", "as_tensor"})
"""What makes a tensor of an array."""


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read whole numbers, or counted what a mask selects of a row."""
    if site.dtype == "bool":
        return site.kind == "SYNC" and site.op == "aten::index" and len(site.shape or ()) == 1
    one = site.shape is not None and math.prod(site.shape) == 1
    return site.dtype in INTEGERS and (site.kind == "D2H" or (site.kind == "SYNC" and one))


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``table[i]`` → ``table.take(i)``, or ``table[i.reshape(1)][0]`` where entries are no numbers.

    ``table[i]`` with a tensor of no dimensions is ``select``, which needs to know the number; ``take`` does not. The
    result is a copy of the entry, not a view of it, so it must only be read. An index out of range is an assertion of
    the device instead of an ``IndexError``.

    ``table[mask][0]`` → ``table.take(mask.int().argmax())``, the first entry of those that a mask selects; where it
    selects none, the first of all instead of an ``IndexError``.

    ``x[:, n - 1 : n]`` → ``x.index_select(1, (n - 1).reshape(1))``.

    ``table.gather(0, i.cpu())`` → ``table_on_device.gather(0, i)``: the table goes to the index, once. Of a table that
    lies on the device, ``x[rows, i.cpu()]`` → ``x[rows, i.to(x.device)]``.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    source, values = frame.source, frame.values
    node = source.node_at(site.where)
    if isinstance(node, ast.Call):
        return (_table_taken_there(site, frame, node),)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple | ast.Slice):
        said = "The one entry that the slice leaves is fetched on the device, where its place is known."
        return (_edit(site, source, _slice_of_one(frame, node), said),)
    if not isinstance(node, ast.Subscript):
        raise DeclinedError("The number is not read as the index of a table")
    if site.dtype == "bool":
        said = "The first entry that the mask selects is found on the device; how many it selects is never asked."
        return (_edit(site, source, _first_selected(frame, node), said),)
    gathered = _gathered(frame, node)
    if gathered is not None:
        return (_edit(site, source, gathered, "The entries are fetched on the device all at once."),)
    if not can_stay_on_device(frame, node):
        raise DeclinedError("It was not seen that table and index lie on the device, and that the entry is only read")
    table_text, long = source.code(node.value), site.dtype == "int64"
    if len(values[table_text].shape) == 1:
        index = source.code(node.slice) if long else f"{in_parentheses(source, node.slice)}.long()"
        text = f"{table_text}.take({index})"
    else:
        text = f"{table_text}[{in_parentheses(source, node.slice)}{'' if long else '.long()'}.reshape(1)][0]"
    said = "The entry is fetched on the device, where table and index lie, and the index is never read."
    return (_edit(site, source, in_place(source, node, text), said),)


def _edit(site: SiteEvidence, source: ModuleSource, change: Replacement, said: str) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=(change,),
        numerics="exact",
        proof="data",
        description=said,
    )


def _slice_of_one(frame: Frame, sliced: ast.Subscript) -> Replacement:
    """``x[:, n - 1 : n]`` → ``x.index_select(1, (n - 1).reshape(1))``, ``n`` a number on the device."""
    source, table = frame.source, value_of(sliced.value, frame.values)
    parts = sliced.slice.elts if isinstance(sliced.slice, ast.Tuple) else [sliced.slice]
    asked = [
        each for each in parts if not (isinstance(each, ast.Slice) and each.lower is each.upper is each.step is None)
    ]
    if len(asked) != 1 or not isinstance(asked[0], ast.Slice) or asked[0].step is not None:
        raise DeclinedError("More is asked for than one slice")
    lower, upper = asked[0].lower, asked[0].upper
    if (
        lower is None
        or upper is None
        or not _follows(lower, upper)
        or is_tensor(lower, frame.values, "cuda") is not True
    ):
        raise DeclinedError("It was not seen that the slice has one entry, by a number on the device")
    if table is None or (table.kind, table.device) != ("tensor", "cuda") or not is_only_read(source, sliced):
        raise DeclinedError("It was not seen that the slice is of a tensor on the device, and only read")
    called = any(isinstance(each, ast.Call) for each in ast.walk(lower))
    if not called and any(is_parameter(source, each) for each in ast.walk(lower)):
        raise DeclinedError("Another caller may give a number of the host's")
    place = f"{in_parentheses(source, lower)}.reshape(1)"
    place = place if frame.site.dtype in ("int64", "int32") else f"{place}.long()"
    return in_place(source, sliced, f"{source.code(sliced.value)}.index_select({parts.index(asked[0])}, {place})")


def _follows(lower: ast.expr, upper: ast.expr) -> bool:
    """``n - 1`` and ``n``, or ``n`` and ``n + 1``."""

    def beside(node: ast.expr, sign: type[ast.operator]) -> ast.expr | None:
        one = isinstance(node, ast.BinOp) and isinstance(node.op, sign) and ast.unparse(node.right) == "1"
        return node.left if one and isinstance(node, ast.BinOp) else None

    pairs = ((beside(lower, ast.Sub), upper), (lower, beside(upper, ast.Add)))
    return any(one is not None and other is not None and ast.dump(one) == ast.dump(other) for one, other in pairs)


def _first_selected(frame: Frame, selected: ast.Subscript) -> Replacement:
    source, first = frame.source, frame.source.parents[selected]
    table = value_of(selected.value, frame.values)
    if not isinstance(first, ast.Subscript) or first.value is not selected or ast.unparse(first.slice) != "0":
        raise DeclinedError("More than the first entry that the mask selects is used")
    if table is None or (table.kind, table.device) != ("tensor", "cuda") or table.shape != frame.site.shape:
        raise DeclinedError("It was not seen that the mask selects from a row of numbers on the device")
    mask = in_parentheses(source, selected.slice)
    return in_place(source, first, f"{source.code(selected.value)}.take({mask}.int().argmax())")


def _gathered(frame: Frame, entry: ast.Subscript) -> Replacement | None:
    """``torch.stack([table[i] for i in indices])`` → ``table[indices]``."""
    source, made = frame.source, frame.source.parents[entry]
    if not isinstance(made, ast.ListComp) or made.elt is not entry or len(made.generators) != 1:
        return None
    (part,) = made.generators
    table, indices = value_of(entry.value, frame.values), value_of(part.iter, frame.values)
    call = source.parents[made]
    stacks = isinstance(call, ast.Call) and last_name(call.func) == "stack" and is_torch_call(source, call)
    if not stacks or not isinstance(call, ast.Call) or call.args != [made] or call.keywords or part.ifs:
        return None
    if ast.unparse(part.target) != ast.unparse(entry.slice) or table is None or indices is None:
        return None
    if (table.kind, table.device) != ("tensor", "cuda") or (indices.kind, indices.device) != ("tensor", "cuda"):
        return None
    if len(indices.shape) != 1 or indices.dtype not in ("int64", "int32"):
        return None
    return in_place(source, call, f"{source.code(entry.value)}[{source.code(part.iter)}]")


def _table_taken_there(site: SiteEvidence, frame: Frame, fetched: ast.Call) -> Edit:
    source, function = frame.source, fetched.func
    if not is_to_host(fetched) or not isinstance(function, ast.Attribute):
        raise DeclinedError("What is copied to the host is not an index of a table there")
    of_array = _array_taken_there(site, frame, fetched)
    if of_array is not None:
        return of_array
    receiver_end, call_end = source.span(function.value)[1], source.span(fetched)[1]
    closing = _closing(source, receiver_end, call_end)
    indexed = _indexed_on_device(frame, fetched)
    if indexed is not None:
        there = Replacement(start=receiver_end, end=call_end, text=f"{closing}.to({indexed}.device)")
        return _edit(
            site, source, there, "The index goes where what it is an index of lies, which is where it was made."
        )
    stays = _named_index_of_device(frame, fetched)
    if stays is not None:
        there = Replacement(start=receiver_end, end=call_end, text=f"{closing}.to({stays})")
        return _edit(site, source, there, "The index goes where the tables are, which is where it was made.")
    index = in_parentheses(source, function.value)
    used: ast.expr = fetched
    changes = [Replacement(start=receiver_end, end=call_end, text=closing)]
    if isinstance(source.parents[fetched], ast.Assign):
        used, gone = _used_once(frame, fetched)
        changes = [in_place(source, used, index), *gone]
    table = _indexed_table(source, used)
    kept = _before_copy(table)
    if is_tensor(kept, frame.values, "cpu") is not True and not _is_moved_on(site, frame, kept):
        raise DeclinedError("It was not seen that the table is a tensor on the host")
    start, end = source.span(table)
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=(
            Replacement(start=start, end=end, text=f"_on_device({source.code(kept)}, {index}.device)"),
            *changes,
        ),
        helpers=("_on_device",),
        numerics="exact",
        proof="data",
        description="The table is copied to the device once, and the index stays there.",
    )


def _indexed_on_device(frame: Frame, fetched: ast.Call) -> str | None:
    """``x`` of ``x[rows, i.cpu()]``, read or written, where it was seen on the device."""
    index: ast.AST = fetched
    if isinstance(beside := frame.source.parents[index], ast.Tuple):
        index = beside
    indexed = frame.source.parents[index]
    if not isinstance(indexed, ast.Subscript) or indexed.slice is not index or dotted(indexed.value) is None:
        return None
    table = value_of(indexed.value, frame.values)
    on_device = table is not None and (table.kind, table.device) == ("tensor", "cuda")
    return frame.source.code(indexed.value) if on_device else None


def _named_index_of_device(frame: Frame, fetched: ast.Call) -> str | None:
    """``x.device`` of ``k = i.cpu()``, where ``k`` is nothing but the index of tables there.

    ``table.to(x.device)[k]`` is one, and so is ``table[k]`` of a table that was seen on the device.
    """
    source, statement = frame.source, statement_of(frame.source, fetched)
    if not isinstance(statement, ast.Assign) or statement.value is not fetched or len(statement.targets) != 1:
        return None
    target, scope = statement.targets[0], scope_of(source, statement)
    if not isinstance(target, ast.Name) or len(bindings(scope, target.id)) != 1:
        return None
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == target.id]
    devices = {_device_of_table(frame, each) for each in uses if each is not target}
    (device,) = devices if len(devices) == 1 else (None,)
    if device is None:
        return None
    bound = [bindings(scope, name) for name in read_in(ast.parse(device, mode="eval"))]
    return device if all([one.kind for one in each] == ["parameter"] for each in bound) else None


def _device_of_table(frame: Frame, index: ast.Name) -> str | None:
    indexed = frame.source.parents[index]
    if not isinstance(indexed, ast.Subscript) or indexed.slice is not index or not isinstance(indexed.ctx, ast.Load):
        return None
    table = indexed.value
    if dotted(table) is not None:
        return f"{frame.source.code(table)}.device" if is_tensor(table, frame.values, "cuda") is True else None
    if not isinstance(table, ast.Call) or last_name(table.func) != "to" or len(table.args) != 1 or table.keywords:
        return None
    device = table.args[0]
    return frame.source.code(device) if device_of(device, frame.values) == "cuda" else None


def _before_copy(table: ast.expr) -> ast.expr:
    """``table`` of ``table.cpu()``, which may lie on the host already."""
    if not isinstance(table, ast.Call) or table.args or table.keywords:
        return table
    function = table.func
    return function.value if isinstance(function, ast.Attribute) and function.attr == "cpu" else table


def _is_moved_on(site: SiteEvidence, frame: Frame, table: ast.expr) -> bool:
    """``getattr(self, name)[i.cpu()].to(d)``: of what several indices take entries that can be moved is a tensor."""
    entries = frame.source.parents[table]
    moved = frame.source.parents[entries]
    several = isinstance(entries, ast.Subscript) and entries.value is table and len(site.shape or ()) > 0
    return several and isinstance(moved, ast.Attribute) and moved.attr in ("to", "cuda", "type_as")


def _used_once(frame: Frame, fetched: ast.Call) -> tuple[ast.expr, list[Replacement]]:
    """Where the name is read that an index gets on the host, ``on_host = i.cpu()``; and its assignment goes."""
    source, statement = frame.source, statement_of(frame.source, fetched)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise DeclinedError("What is copied to the host is not an index of a table there")
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or len(bindings(scope_of(source, statement), target.id)) != 1:
        raise DeclinedError("What is copied to the host has other uses there")
    loads = loads_after(source, statement)
    uses = [
        each for each in ast.walk(scope_of(source, statement)) if isinstance(each, ast.Name) and each.id == target.id
    ]
    if len(loads) != 1 or len(uses) != 2:
        raise DeclinedError("What is copied to the host is used more than once there")
    if read_in(fetched) & names_bound_between(source, statement, statement_of(source, loads[0])):
        raise DeclinedError("The index may be another one where the table is read")
    return loads[0], list(without(source, [statement]))


def _indexed_table(source: ModuleSource, fetched: ast.expr) -> ast.expr:
    """``table`` of ``table[index]``, ``table.gather(0, index)`` and ``torch.gather(table, 0, index=index)``.

    The index may be what was fetched and a whole number: ``table[i.cpu() - 1]``.
    """
    index: ast.expr = fetched
    while isinstance(sum_of := source.parents[index], ast.BinOp):
        other = sum_of.right if sum_of.left is index else sum_of.left
        whole = isinstance(other, ast.Constant) and isinstance(other.value, int)
        if not whole or not isinstance(sum_of.op, ast.Add | ast.Sub | ast.Mult):
            break
        index = sum_of
    parent = source.parents[index]
    if isinstance(parent, ast.Subscript) and parent.slice is index:
        return parent.value
    call = source.parents[parent] if isinstance(parent, ast.keyword) and parent.arg == "index" else parent
    if isinstance(call, ast.Call) and last_name(call.func) in GATHERS and isinstance(call.func, ast.Attribute):
        table = argument(call, 0, "input") if is_torch_call(source, call) else call.func.value
        if table is not None and table is not index:
            return table
    raise DeclinedError("What is copied to the host is not an index of a table there")


def _array_taken_there(site: SiteEvidence, frame: Frame, fetched: ast.Call) -> Edit | None:
    """``torch.from_numpy(array[i.cpu().numpy()])`` → ``_on_device(torch.from_numpy(array), i.device)[i]``."""
    source = frame.source
    method = source.parents[fetched]
    numbers = source.parents[method] if isinstance(method, ast.Attribute) and method.attr == "numpy" else None
    entry = source.parents[numbers] if isinstance(numbers, ast.Call) and not numbers.args else None
    if not isinstance(entry, ast.Subscript) or entry.slice is not numbers:
        return None
    call, array = source.parents[entry], value_of(entry.value, frame.values)
    wraps = isinstance(call, ast.Call) and last_name(call.func) in WRAPS and is_torch_call(source, call)
    if not wraps or not isinstance(call, ast.Call) or call.args != [entry] or array is None or array.kind != "array":
        return None
    check_arguments(call, frozenset({"dtype", "device"}))
    assert isinstance(fetched.func, ast.Attribute)
    index, dtype = in_parentheses(source, fetched.func.value), keyword(call, "dtype")
    cast = "" if dtype is None else f".to({source.code(dtype)})"
    text = f"_on_device({torch_of(call)}.from_numpy({source.code(entry.value)}), {index}.device)[{index}]{cast}"
    edit = _edit(site, source, in_place(source, call, text), "The table is copied to the device once, and read there.")
    return replace(edit, helpers=("_on_device",))


def _closing(source: ModuleSource, start: int, end: int) -> str:
    """The parentheses around a receiver that close before ``.cpu()``."""
    return source.text[start:end].partition(".")[0].strip()


def can_stay_on_device(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression takes an entry from a table on the device, by an index on the device, and only reads it.

    Not where the host can have the index without computing it: a host copy of what the loop runs through serves the
    host's other uses of it as well, and an index that lies on the host is none for ``take``.
    """
    if not isinstance(node, ast.Subscript):
        return False
    table = value_of(node.value, frame.values)
    return (
        table is not None
        and table.kind == "tensor"
        and table.device == "cuda"
        and len(table.shape) > 0
        and is_tensor(node.slice, frame.values, "cuda") is True
        and is_only_read(frame.source, node)
        and not _is_known_to_host(frame, node.slice)
    )


def _is_known_to_host(frame: Frame, index: ast.expr) -> bool:
    try:
        copy = twin(frame, index) or make_host(frame, index)
    except DeclinedError:
        return False
    return copy is not None and not copy.computes
