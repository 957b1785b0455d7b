"""Fill in on the device what would be copied there as a host tensor of one number."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import argument, in_parentheses, without_method
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted, is_parameter, last_name, read_in
from sdprof.fixes.source.reading.on_device.held_numbers import PLAIN_DTYPES, TYPED
from sdprof.fixes.source.reading.on_device.host_trees import CASTS, REARRANGES, call_moves
from sdprof.fixes.source.reading.on_device.moves import Move
from sdprof.fixes.source.reading.on_device.number_of_host import number_of_host
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_size
from sdprof.fixes.source.reading.on_host.iteration import comprehended
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tensor_calls import check_arguments, is_torch_call, keyword, torch_of

WRAPS = frozenset({"from_numpy", "tensor", "as_tensor", "asarray"})
"""What makes a host tensor of a number that the host has already."""


@dataclass(frozen=True)
class Filled:
    """What changes so that the device fills in a number."""

    changes: Sequence[Replacement]
    imports: tuple[str, ...] = ()
    said: str = "The number goes to the device as an argument of the kernel that fills the tensor: nothing is copied."


def moved_number(site: SiteEvidence, source: ModuleSource, move: Move, values: Values) -> Filled:
    """``table[i].to(d)`` with a table on the host: the number goes along with the kernel that fills.

    :raises DeclinedError: it is not shown to be one number, or its dtype is not known.
    """
    host = move.host
    if isinstance(host, ast.Call) and last_name(host.func) in ("tensor", "as_tensor") and not move.converts:
        return number_filled(site, source, host, move.device_text, whole=move.call)
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
        return Filled([Replacement(start=start, end=end, text=text)])
    single = _made_float(source, host, values) if site.shape == () and not move.converts else None
    if single is not None:
        text = f"{torch_of(single)}.full((), {source.code(single.args[0])}, dtype={torch_of(single)}.float32, "
        return Filled([in_place(source, move.call, f"{text}device={move.device_text})")])
    spread = _spread_number(source, move, values)
    if spread is not None:
        torch, imports = torch_name(source)
        return Filled([in_place(source, move.call, spread)], imports=imports)
    rearranged = _rearranged(source, move, values)
    if rearranged is not None:
        return rearranged
    if site.shape is None or any(size != 1 for size in site.shape):
        raise DeclinedError("More than one number is copied")
    if is_parameter(source, host) or _is_listed(source, host):
        return _one_that_is_given(source, move)
    computed = number_of_host(source, host, site, values)
    if computed is not None:
        shape, number, dtype = computed
        torch, imports = torch_name(source)
        text = f"{torch}.full({shape}, {number}.item(), dtype={dtype}, device={move.device_text})"
        start, end = source.span(move.call)
        return Filled([Replacement(start=start, end=end, text=text)], imports=imports)
    named = _named_first(source, move)
    if named is not None:
        return named
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
    return Filled([in_place(source, move.call, text)], imports=imports)


def _named_first(source: ModuleSource, move: Move) -> Filled | None:
    """``t = number_of(sigma).to(d)``: what the function gives gets the name, and is filled in there if it is one."""
    statement = source.parents[move.call]
    host = move.host
    if not isinstance(host, ast.Call) or is_torch_call(source, host) or dotted(host.func) is None:
        return None
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not stands_alone(source, statement):
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or target.id in read_in(move.device):
        return None
    name, (torch, imports) = target.id, torch_name(source)
    moved = source.code(move.call).replace(source.code(host), name, 1)
    dtype = move.dtype_text or f"{name}.dtype"
    indent = source.text[source.line_start(statement.lineno) : source.span(statement)[0]]
    lines = [
        source.code(host),
        f"if {name}.numel() == 1 and not {name}.is_cuda:",
        f"    {name} = {torch}.full({name}.shape, {name}.item(), dtype={dtype}, device={move.device_text})",
        f"{name} = {moved}",
    ]
    return Filled([in_place(source, move.call, f"\n{indent}".join(lines))], imports=imports)


def _is_listed(source: ModuleSource, host: ast.expr) -> bool:
    """``b`` of ``[b.to(d) for b in tables]``: the next one may have more numbers than the one that was seen."""
    return isinstance(host, ast.Name) and comprehended(source, host) is not None


def _one_that_is_given(source: ModuleSource, move: Move) -> Filled:
    """Of what the function is given: another caller may hand over more than one number."""
    given = source.code(move.host)
    text = _if_one(source, given, move, source.code(move.call), move.dtype_text or f"{given}.dtype")
    return Filled([in_place(source, move.call, text)], imports=torch_name(source)[1])


def _if_one(source: ModuleSource, given: str, move: Move, moved: str, dtype: str) -> str:
    torch, _ = torch_name(source)
    text = f"{torch}.full({given}.shape, {given}.item(), dtype={dtype}, device={move.device_text})"
    return f"({text} if {given}.numel() == 1 else {moved})"


def _rearranged(source: ModuleSource, move: Move, values: Values) -> Filled | None:
    """``t.float().reshape(-1, 1).to(d)``, ``t`` one number that is handed over: it goes there before the rest."""
    given = move.host
    while isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and not call_moves(given):
        if given.func.attr not in REARRANGES | CASTS:
            return None
        given = given.func.value
    seen = value_of(given, values)
    one = seen is not None and (seen.kind, seen.device) == ("tensor", "cpu") and all(size == 1 for size in seen.shape)
    if given is move.host or not one or move.converts or not is_parameter(source, given):
        return None
    name = source.code(given)
    text = _if_one(source, name, move, f"{name}.to({move.device_text})", f"{name}.dtype")
    changes = [in_place(source, given, text), without_method(source, move.call)]
    return Filled(changes, imports=torch_name(source)[1])


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


def number_filled(
    site: SiteEvidence, source: ModuleSource, call: ast.Call, device: str, whole: ast.Call | None = None
) -> Filled:
    """``torch.tensor([t] * n, device=d)`` → ``torch.full((n,), t, device=d)``."""
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
    return Filled([Replacement(start=start, end=end, text=f"{torch}.full({', '.join(arguments)})")])


def new_number_filled(site: SiteEvidence, source: ModuleSource, call: ast.Call, like: ast.expr) -> Filled:
    """``x.new_tensor([t] * n)`` → ``x.new_full((n,), t)``: both take dtype and device from ``x``."""
    shape, number = _one_number(site, source, call)
    others = [f"{each.arg}={source.code(each.value)}" for each in call.keywords if each.arg != "data"]
    start, end = source.span(call)
    text = f"{in_parentheses(source, like)}.new_full({', '.join([shape, number, *others])})"
    return Filled([Replacement(start=start, end=end, text=text)])


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
