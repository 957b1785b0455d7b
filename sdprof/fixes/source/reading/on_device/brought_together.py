"""An index that was copied to the host for a table there: the table goes to the index instead, or the index back."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import argument, in_parentheses
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import bindings, dotted, last_name, read_in, scope_of, statement_of, within
from sdprof.fixes.source.reading.on_device.moves import is_to_host
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import device_of, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import loads_after, names_bound_between, stands_alone, without
from sdprof.fixes.source.reading.tensor_calls import check_arguments, is_torch_call, keyword, torch_of

GATHERS = frozenset({"gather", "index_select", "take"})
WRAPS = frozenset({"from_numpy", "tensor", "as_tensor"})
"""What makes a tensor of an array."""


@dataclass(frozen=True)
class Together:
    """What brings a table and its index together on the device."""

    changes: tuple[Replacement, ...]
    said: str
    helpers: tuple[str, ...] = ()


def table_taken_there(site: SiteEvidence, frame: Frame, fetched: ast.Call) -> Together:
    """``table.gather(0, i.cpu())`` → ``table_on_device.gather(0, i)``; ``x[i.cpu()]`` → ``x[i.to(x.device)]``.

    ``i.to(table.device)`` stays, behind ``table = table_on_device`` where the table lies on the host.

    :raises DeclinedError: what is copied is no index, or its table does not lie where it is needed.
    """
    source, function = frame.source, fetched.func
    fetching = _table_that_fetches(frame, fetched)
    if fetching is not None:
        return fetching
    if not is_to_host(fetched) or not isinstance(function, ast.Attribute):
        raise DeclinedError("What is copied to the host is not an index of a table there")
    of_array = _array_taken_there(frame, fetched)
    if of_array is not None:
        return of_array
    receiver_end, call_end = source.span(function.value)[1], source.span(fetched)[1]
    closing = _closing(source, receiver_end, call_end)
    indexed = _indexed_on_device(frame, fetched)
    if indexed is not None:
        there = Replacement(start=receiver_end, end=call_end, text=f"{closing}.to({indexed}.device)")
        return Together((there,), "The index goes where what it is an index of lies, which is where it was made.")
    stays = _named_index_of_device(frame, fetched)
    if stays is not None:
        there = Replacement(start=receiver_end, end=call_end, text=f"{closing}.to({stays})")
        return Together((there,), "The index goes where the tables are, which is where it was made.")
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
    goes = Replacement(start=start, end=end, text=f"_on_device({source.code(kept)}, {index}.device)")
    said = "The table is copied to the device once, and the index stays there."
    return Together((goes, *changes), said, ("_on_device",))


def _table_that_fetches(frame: Frame, fetched: ast.Call) -> Together | None:
    """``table`` of ``i.to(table.device)``, on the host in this run, which the function only takes entries of."""
    source, values, function = frame.source, frame.values, fetched.func
    device = fetched.args[0] if len(fetched.args) == 1 and not fetched.keywords else None
    if not isinstance(function, ast.Attribute) or function.attr != "to" or not isinstance(device, ast.Attribute):
        return None
    table, index, scope = device.value, function.value, scope_of(source, fetched)
    statement = statement_of(source, fetched)
    if device.attr != "device" or not isinstance(table, ast.Name) or dotted(index) is None:
        return None
    if is_tensor(table, values, "cpu") is not True or is_tensor(index, values, "cuda") is not True:
        return None
    uses = [each for each in within(scope) if isinstance(each, ast.Name) and each.id == table.id]
    if [each.kind for each in bindings(scope, table.id)] != ["parameter"] or not all(
        _takes_entries(source, each) for each in uses
    ):
        return None
    if not stands_alone(source, statement) or not isinstance(statement, ast.Assign | ast.Return | ast.Expr):
        return None
    name, start = table.id, source.line_start(statement.lineno)
    there = f'_on_device({name}, {source.code(index)}.device) if {name}.device.type == "cpu" else {name}'
    line = f"{' ' * statement.col_offset}{name} = {there}\n"
    said = "A table on the host is copied to the device once, and its entries are taken there."
    return Together((Replacement(start=start, end=start, text=line),), said, ("_on_device",))


def _takes_entries(source: ModuleSource, table: ast.Name) -> bool:
    """``table.device``, ``table.gather(…)``, ``torch.gather(table, …)`` or ``table[…]``, read."""
    parent = source.parents[table]
    if isinstance(parent, ast.Attribute):
        return parent.attr in GATHERS | {"device"}
    if isinstance(parent, ast.Call) and parent.args and parent.args[0] is table:
        return last_name(parent.func) in GATHERS and is_torch_call(source, parent)
    return isinstance(parent, ast.Subscript) and parent.value is table and isinstance(parent.ctx, ast.Load)


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


def _array_taken_there(frame: Frame, fetched: ast.Call) -> Together | None:
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
    said = "The table is copied to the device once, and read there."
    return Together((in_place(source, call, text),), said, ("_on_device",))


def _closing(source: ModuleSource, start: int, end: int) -> str:
    """The parentheses around a receiver that close before ``.cpu()``."""
    return source.text[start:end].partition(".")[0].strip()
