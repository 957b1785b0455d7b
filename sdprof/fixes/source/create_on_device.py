"""Make tensors on the device instead of making them on the host and copying them."""

from __future__ import annotations

import ast
from collections.abc import Callable

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument, in_parentheses
from sdprof.fixes.source.reading.collecting.selected_entries import selected_entry
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, is_parameter, last_name, statement_of
from sdprof.fixes.source.reading.on_device.held_numbers import PLAIN_DTYPES, TYPED, held_list, held_numbers
from sdprof.fixes.source.reading.on_device.host_trees import (
    check_known_before,
    check_names_stay_inside,
    read_tree,
)
from sdprof.fixes.source.reading.on_device.index_tensors import index_there
from sdprof.fixes.source.reading.on_device.moves import Move, move_of
from sdprof.fixes.source.reading.on_device.number_of_host import number_of_host
from sdprof.fixes.source.reading.on_device.stacking import stacked, stacked_list
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_number as known_number
from sdprof.fixes.source.reading.on_host.host_numbers import is_size
from sdprof.fixes.source.reading.on_host.iteration import comprehended
from sdprof.fixes.source.reading.on_host.table_along import table_along
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import without
from sdprof.fixes.source.reading.tensor_calls import check_arguments, is_torch_call, keyword, number_beside, torch_of
from sdprof.model import FixMeta

META = FixMeta(
    id="create-on-device",
    title="Make tensors on the device that uses them",
    kind="source",
    numerics="rounding",
    removes=("host-to-device-in-loop", "loop-invariant-copy"),
    order=10,
)
WRAPS = frozenset({"from_numpy", "tensor", "as_tensor", "asarray"})
"""What makes a host tensor of a number that the host has already."""
FILLED = "The number goes to the device as an argument of the kernel that fills the tensor: nothing is copied."


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the device."""
    return site.kind == "H2D"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.arange(n).exp().to(d)`` → ``torch.arange(n, device=d).exp()``, through local names.

    ``torch.tensor([t] * n, device=d)`` → ``torch.full((n,), t, device=d)``, and ``x.new_tensor([t])`` →
    ``x.new_full((1,), t)``; a host tensor of one element is filled in on the device, too: a number travels as an
    argument of the kernel. ``x[0] = 0.5`` → ``x[0].fill_(0.5)``.
    Arithmetic that moves to the device is rounding, to be confirmed on a GPU.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    frame = Frame(site, sources, 0)
    values = frame.values
    there = index_there(source, node, values) if isinstance(node, ast.Subscript) else None
    if there is not None:
        return (_edit(site, source, there, "The device counts for itself, where the numbers are used."),)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return (_filled_in_place(site, source, node, values),)
    if isinstance(node, ast.Subscript):
        return (_index_made_there(site, source, node, values),)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The copy is not made by a call in this expression")
    if last_name(node.func) in ("tensor", "as_tensor") and is_torch_call(source, node):
        together = stacked(site, source, node, values) or stacked_list(source, node, values)
        if together:
            start, end = source.span(node)
            said = "The numbers are put together on the device: none is read, and nothing is copied."
            return tuple(_edit(site, source, [Replacement(start=start, end=end, text=text)], said) for text in together)
        held = held_numbers(source, node, values, site.dtype, anywhere=True)
        if held is not None and not (len(held.numbers) > 1 and site.identical_content):
            return (_edit(site, source, held.on_device(source, _device_text(source, node)), FILLED),)
        return (_number_to_full(site, source, node, _device_text(source, node)),)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "new_tensor":
        return (_number_to_new_full(site, source, node, node.func.value),)
    move = move_of(source, node, values)
    reasons: list[str] = []
    edits: list[Edit] = []
    attempts: tuple[Callable[[], Edit], ...] = (
        lambda: _tree_on_device(site, source, move, values),
        lambda: _entries_taken_there(site, frame, move, hoisted=True),
        lambda: _tree_on_device(site, source, move, values, takes_scalars=True),
        lambda: _moved_number(site, source, move, values),
        lambda: _entries_taken_there(site, frame, move, hoisted=False),
    )
    for attempt in attempts:
        try:
            edits.append(attempt())
        except DeclinedError as declined:
            reasons.append(str(declined))
    if not edits:
        raise DeclinedError(reasons[0])
    return tuple(edits)


def _edit(
    site: SiteEvidence, source: ModuleSource, replacements: list[Replacement], said: str, *, computes: bool = False
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=tuple(replacements),
        numerics="rounding" if computes else "exact",
        proof="arithmetic" if computes else "data",
        description=said,
    )


def _tree_on_device(
    site: SiteEvidence, source: ModuleSource, move: Move, values: Values, *, takes_scalars: bool = False
) -> Edit:
    dtype = "" if move.converts else site.dtype
    tree = read_tree(source, move.host, values, move.call, dtype, takes_scalars=takes_scalars)
    check_names_stay_inside(source, tree, move.call)
    check_known_before(source, move.device, tree)
    if len(tree.held) == 1 and len(tree.held[0].numbers) > 1 and site.identical_content:
        raise DeclinedError("The same numbers are copied each time: one copy before the loop is less than filling them")
    replacements = [*tree.on_device(source, move.device_text), *_without_move(source, move)]
    computes = tree.computes and (tree.fractions or not site.dtype.startswith(("int", "uint", "bool")))
    said = "The tensor is made on the device, and never was on the host."
    return _edit(site, source, replacements, said, computes=computes)


def _index_made_there(site: SiteEvidence, source: ModuleSource, node: ast.Subscript, values: Values) -> Edit:
    """``x[[i] * n]`` → ``x[torch.full((n,), i, device=x.device)]``."""
    owner, index = node.value, node.slice
    if site.identical_content or isinstance(index, ast.Tuple) or dotted(owner) is None:
        raise DeclinedError("The index that is copied is not a list of numbers that change")
    if is_tensor(owner, values, "cuda") is not True:
        raise DeclinedError("It was not seen that what is indexed lies on the device")
    held = held_list(source, index, values)
    if held is None:
        raise DeclinedError("The index that is copied is not a list of numbers that change")
    torch, imports = torch_name(source)
    changes = held.on_device(source, f"{source.code(owner)}.device", torch)
    return replace(_edit(site, source, changes, FILLED), imports=imports)


def _entries_taken_there(site: SiteEvidence, frame: Frame, move: Move, *, hoisted: bool) -> Edit:
    """``table[i].repeat(n).to(d)`` with a table on the host: the table goes to the device once."""
    along = table_along(frame, move, hoisted=hoisted)
    changes = [*along.changes, *_without_move(frame.source, move)]
    said = "The table is copied to the device once, and its entries are taken there."
    return replace(_edit(site, frame.source, changes, said), helpers=along.helpers)


def _device_text(source: ModuleSource, call: ast.Call) -> str:
    device = keyword(call, "device")
    if device is None:
        raise DeclinedError("The call names no device")
    return source.code(device)


def _without_move(source: ModuleSource, move: Move) -> list[Replacement]:
    """Drop ``.to(device)``; of one that converts as well, the dtype stays, and nothing is copied any more."""
    if move.converts and not move.names_dtype:
        return []
    statement = statement_of(source, move.call)
    alone = isinstance(statement, ast.Assign) and statement.value is move.call and not move.converts
    if alone and [ast.unparse(each) for each in getattr(statement, "targets", ())] == [ast.unparse(move.host)]:
        return list(without(source, [statement]))
    end = source.span(move.call)[1]
    start = source.span(move.host)[1]
    while source.text[start] in " \t\n)":
        start += 1  # behind the parentheses around the receiver
    return [Replacement(start=start, end=end, text=f".to({move.dtype_text})" if move.converts else "")]


def _moved_number(site: SiteEvidence, source: ModuleSource, move: Move, values: Values) -> Edit:
    """``table[i].to(d)`` with a table on the host: the number goes along with the kernel that fills."""
    host = move.host
    if isinstance(host, ast.Call) and last_name(host.func) in ("tensor", "as_tensor") and not move.converts:
        return _number_to_full(site, source, host, move.device_text, whole=move.call)
    if (
        isinstance(host, ast.Call)
        and last_name(host.func) in TYPED
        and not move.converts
        and is_torch_call(source, host)
    ):
        shape, number = _one_number(site, source, host)
        dtype = f"{torch_of(host)}.{TYPED[last_name(host.func)]}"
        start, end = source.span(move.call)
        text = f"{torch_of(host)}.full({shape}, {number}, dtype={dtype}, device={move.device_text})"
        return _edit(site, source, [Replacement(start=start, end=end, text=text)], FILLED)
    single = _made_float(source, host, values) if site.shape == () and not move.converts else None
    if single is not None:
        text = f"{torch_of(single)}.full((), {source.code(single.args[0])}, dtype={torch_of(single)}.float32, "
        return _edit(site, source, [in_place(source, move.call, f"{text}device={move.device_text})")], FILLED)
    spread = _spread_number(source, move, values)
    if spread is not None:
        torch, imports = torch_name(source)
        return replace(_edit(site, source, [in_place(source, move.call, spread)], FILLED), imports=imports)
    if site.shape is None or any(size != 1 for size in site.shape):
        raise DeclinedError("More than one number is copied")
    if is_parameter(source, host) or _is_listed(source, host):
        return _one_that_is_given(site, source, move)
    computed = number_of_host(source, host, site, values)
    if computed is not None:
        shape, number, dtype = computed
        torch, imports = torch_name(source)
        text = f"{torch}.full({shape}, {number}.item(), dtype={dtype}, device={move.device_text})"
        start, end = source.span(move.call)
        return replace(_edit(site, source, [Replacement(start=start, end=end, text=text)], FILLED), imports=imports)
    owner = host.value if isinstance(host, ast.Subscript) else host
    if (
        site.shape == ()
        and isinstance(host, ast.Call)
        and last_name(host.func) in WRAPS
        and is_torch_call(source, host)
    ):
        if any(is_parameter(source, each) for each in ast.walk(host)):
            raise DeclinedError("Another caller may hand over more than one number")
        dtype = move.dtype_text or f"{torch_of(host)}.{site.dtype}"
    elif dotted(owner) is None or is_tensor(owner, values, "cpu") is False:
        raise DeclinedError("It is not seen which host tensor the number comes from")
    else:
        dtype = move.dtype_text or f"{source.code(owner)}.dtype"
    shape = "()" if site.shape == () else f"{in_parentheses(source, host)}.shape"
    torch, imports = torch_name(source)
    text = f"{torch}.full({shape}, {in_parentheses(source, host)}.item(), dtype={dtype}, device={move.device_text})"
    return replace(_edit(site, source, [in_place(source, move.call, text)], FILLED), imports=imports)


def _is_listed(source: ModuleSource, host: ast.expr) -> bool:
    """``b`` of ``[b.to(d) for b in tables]``: the next one may have more numbers than the one that was seen."""
    return isinstance(host, ast.Name) and comprehended(source, host) is not None


def _one_that_is_given(site: SiteEvidence, source: ModuleSource, move: Move) -> Edit:
    """Of what the function is given: another caller may hand over more than one number."""
    torch, imports = torch_name(source)
    given, moved = source.code(move.host), source.code(move.call)
    dtype = move.dtype_text or f"{given}.dtype"
    text = f"{torch}.full({given}.shape, {given}.item(), dtype={dtype}, device={move.device_text})"
    text = f"({text} if {given}.numel() == 1 else {moved})"
    return replace(_edit(site, source, [in_place(source, move.call, text)], FILLED), imports=imports)


def _made_float(source: ModuleSource, host: ast.expr, values: Values) -> ast.Call | None:
    """``torch.tensor(number)`` of ``torch.tensor(number).float()``: NumPy's or Python's, it is rounded to float32 once.

    No other cast: a number of Python's would be rounded to float32 before it.
    """
    if not (isinstance(host, ast.Call) and isinstance(host.func, ast.Attribute) and host.func.attr == "float"):
        return None
    made = host.func.value
    if host.args or not isinstance(made, ast.Call) or last_name(made.func) not in ("tensor", "as_tensor"):
        return None
    if not is_torch_call(source, made) or len(made.args) != 1 or made.keywords:
        return None
    number = made.args[0]
    return None if isinstance(number, ast.List | ast.Tuple) or is_tensor(number, values, "cuda") else made


def _is_count(node: ast.expr) -> bool:
    """``n``, ``2``, ``x.shape[0]``, ``len(x)``."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int)
    counted = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"
    return dotted(node) is not None or is_size(node) or counted


def _spread_number(source: ModuleSource, move: Move, values: Values) -> str | None:
    """``t.expand(n).to(d)``, ``t`` one number in a tensor on the host; of several numbers it stays what it was."""
    spread = move.host
    if not isinstance(spread, ast.Call) or not isinstance(spread.func, ast.Attribute) or move.converts:
        return None
    owner, sizes = spread.func.value, spread.args
    seen = value_of(owner, values) if isinstance(owner, ast.Name) else None
    if spread.func.attr not in ("expand", "repeat") or spread.keywords or not sizes or seen is None:
        return None
    one = (seen.kind, seen.device) == ("tensor", "cpu") and all(size == 1 for size in seen.shape)
    if not one or len(sizes) < len(seen.shape) or not all(map(_is_count, sizes)):
        return None
    if any((known := value_of(each, values)) is not None and known.kind != "number" for each in sizes):
        return None
    name, shape = source.code(owner), ", ".join(source.code(each) for each in sizes)
    shape = f"({shape})" if len(sizes) > 1 else f"({shape},)"
    full = f"{torch_name(source)[0]}.full({shape}, {name}.item(), dtype={name}.dtype, device={move.device_text})"
    text = f"{full} if {name}.numel() == 1 else {source.code(move.call)}"
    assigned = isinstance(source.parents[move.call], ast.Assign)
    return text if assigned else f"({text})"


def _number_to_full(
    site: SiteEvidence, source: ModuleSource, call: ast.Call, device: str, whole: ast.Call | None = None
) -> Edit:
    shape, number = _one_number(site, source, call)
    torch = torch_of(call)
    dtype = keyword(call, "dtype")
    arguments = [shape, number]
    if dtype is not None:
        arguments.append(f"dtype={source.code(dtype)}")
    elif site.dtype not in PLAIN_DTYPES:
        arguments.append(f"dtype={torch}.{site.dtype}")
    arguments.append(f"device={device}")
    start, end = source.span(whole or call)
    return _edit(
        site, source, [Replacement(start=start, end=end, text=f"{torch}.full({', '.join(arguments)})")], FILLED
    )


def _number_to_new_full(site: SiteEvidence, source: ModuleSource, call: ast.Call, like: ast.expr) -> Edit:
    """``x.new_tensor([t] * n)`` → ``x.new_full((n,), t)``: both take dtype and device from ``x``."""
    shape, number = _one_number(site, source, call)
    others = [f"{each.arg}={source.code(each.value)}" for each in call.keywords if each.arg != "data"]
    start, end = source.span(call)
    text = f"{in_parentheses(source, like)}.new_full({', '.join([shape, number, *others])})"
    return _edit(site, source, [Replacement(start=start, end=end, text=text)], FILLED)


def _one_number(site: SiteEvidence, source: ModuleSource, call: ast.Call) -> tuple[str, str]:
    """(shape, number) of ``tensor(number)``, ``tensor([number])`` or ``tensor([number] * n)``, as text."""
    check_arguments(call, frozenset({"data", "dtype", "device"}))
    value = argument(call, 0, "data")
    if value is None or site.shape is None:
        raise DeclinedError("Data, device or shape of the tensor were not seen")
    if site.shape == () and not isinstance(value, ast.List | ast.Tuple):
        shape = "()"
    elif isinstance(value, ast.List) and len(value.elts) == 1 and site.shape == (1,):
        shape, value = "(1,)", value.elts[0]
    elif (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Mult)
        and isinstance(value.left, ast.List)
        and len(value.left.elts) == 1
        and len(site.shape) == 1
    ):
        shape, value = f"({source.code(value.right)},)", value.left.elts[0]
    else:
        raise DeclinedError("More than one number is copied")
    if isinstance(value, ast.Starred):
        raise DeclinedError("More than one number is copied")
    if is_tensor(value, site.stack[0].values, "cuda"):
        raise DeclinedError("The number lies on the device: keep-scalar-on-device is the fix for it")
    return shape, source.code(value)


def _filled_in_place(site: SiteEvidence, source: ModuleSource, target: ast.Subscript, values: Values) -> Edit:
    statement = source.parents[target]
    if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
        raise DeclinedError("The tensor is written to together with others")
    number = statement.value
    if selected_entry(target.slice) is not None:
        raise DeclinedError("A mask selects what is written to: select-by-mask is the fix for it")
    if _is_made_mask(target.slice):
        return _mask_made_there(site, source, target, number, values)
    is_number = isinstance(number, ast.Constant) or (
        isinstance(number, ast.UnaryOp) and isinstance(number.operand, ast.Constant)
    )
    if not (is_number or is_tensor(number, values) is False) or site.bytes > 16 * site.count:
        raise DeclinedError("What is written is no single number")
    parts = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
    start, end = source.span(statement)
    if any(is_tensor(each, values, "cuda") for each in parts) and dotted(target.value) is not None:
        owner = source.code(target.value)
        torch, imports = torch_name(source)
        text = number_beside(torch, source.code(number), owner)
        return replace(_edit(site, source, [in_place(source, number, text)], FILLED), imports=imports)
    if not all(isinstance(each, ast.Slice | ast.Constant) or known_number(source, each, values) for each in parts):
        raise DeclinedError("The place is chosen by more than numbers of the host")
    text = f"{source.code(target)}.fill_({source.code(number)})"
    return _edit(site, source, [Replacement(start=start, end=end, text=text)], "The number is filled in on the device.")


def _is_made_mask(index: ast.expr) -> bool:
    return isinstance(index, ast.Call) and isinstance(index.func, ast.Attribute) and index.func.attr == "bool"


def _mask_made_there(
    site: SiteEvidence, source: ModuleSource, target: ast.Subscript, number: ast.expr, values: Values
) -> Edit:
    """``x[torch.eye(n).bool()] = 0.5`` → ``x[torch.eye(n, device=x.device).bool()] = 0.5``, through local names."""
    if is_tensor(target.value, values, "cuda") is not True or not known_number(source, number, values):
        raise DeclinedError("It was not seen that a number is written to a tensor on the device")
    device = ast.Attribute(target.value, "device", ast.Load())
    tree = read_tree(source, target.slice, values, target.slice)
    if tree.computes:
        raise DeclinedError("The mask is computed on the host")
    check_names_stay_inside(source, tree, target.slice)
    check_known_before(source, device, tree)
    said = "The mask is made on the device, where nothing of it has to be counted or copied."
    return _edit(site, source, tree.on_device(source, f"{source.code(target.value)}.device"), said)
