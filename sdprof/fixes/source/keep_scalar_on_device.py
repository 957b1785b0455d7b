"""Fill or compare with a number that lies on the device without reading it: no wait for the device."""

from __future__ import annotations

import ast

import msgspec

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import argument, in_parentheses
from sdprof.fixes.source.reading.frames import values_at
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.gradients import may_want_gradients
from sdprof.fixes.source.reading.names import is_parameter, last_name
from sdprof.fixes.source.reading.on_device.moves import Move, move_of
from sdprof.fixes.source.reading.on_device.number_goes_on import WIDE, goes_on
from sdprof.fixes.source.reading.on_device.stacking import stacked, stacked_list, stacked_typed
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.seen import Values, device_of, is_tensor, value_of
from sdprof.fixes.source.reading.tensor_calls import (
    DEFAULT_DTYPE,
    cast_text,
    check_arguments,
    inferred_dtype,
    is_only_read,
    is_torch_call,
    keyword,
    number_read,
    torch_of,
)
from sdprof.fixes.source.reading.tensor_leaves import Leaf
from sdprof.model import FixMeta

META = FixMeta(
    id="keep-scalar-on-device",
    title="Fill tensors from a number on the device without reading it",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop", "host-to-device-in-loop"),
    order=10,
)
FILLS = frozenset({"full", "full_like", "new_full"})
COPIES = frozenset({"tensor", "as_tensor"})
STACKED = "The numbers are put together on the device: none is read, and nothing is copied."
BESIDE = "The number is used on the device, where it lies, and never read."
GOES_ON = "The number goes on in arithmetic on the device, in double precision as Python's, and is never read."
FILLED = "The number is spread over the shape on the device, where it lies, and never read."
CHOICES = {"min": "minimum", "max": "maximum"}


def concerns(site: SiteEvidence) -> bool:
    """Whether a number was read."""
    return site.kind == "SYNC" and set(site.shape or ()) <= {1}


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.full(shape, table[i], device=d)`` → ``table[i].expand(shape)``, with the dtype that ``full`` gives.

    Likewise ``full_like``, ``new_full``, ``torch.tensor(t)``, ``torch.tensor([t] * n)``, ``min(t, u)``; also where the
    number is read on the way: ``torch.full(shape, t.item(), device=d)``, ``torch.tensor([float(t)] * n, device=d)``.
    What is filled on the host and moved, ``torch.full(shape, t).to(d)``, is ``torch.empty(…, device=d).fill_(t)``: that
    takes a number of the host as well, and no device where ``d`` is None. ``x.fill_(t.item())`` and ``x * t.item()``
    are ``x.fill_(t)`` and ``x * t``.
    """
    source = sources.of(site.where.file)
    node = source.node_at(site.where)
    values = values_at(site, 0)
    if number_read(node) is not None:
        gradients = may_want_gradients(site, sources)
        beside = _beside_tensor(site, source, node, values, gradients=gradients)
        if beside is not None:
            imports = torch_name(source)[1] if ".as_tensor(" in beside else ()
            return (msgspec.structs.replace(_edit(site, source, node, beside, BESIDE), imports=imports),)
        further = _going_on(site, source, node, values, gradients=gradients)
        if further is not None:
            return (further,)
        node = _filled_from(source, node) or node
    if not isinstance(node, ast.Call) or site.shape not in ((), None):
        raise DeclinedError("The number is not read by a call that fills or compares")
    name = last_name(node.func)
    move = _moved_then(source, node, values) if keyword(node, "device") is None else None
    if name in CHOICES and isinstance(node.func, ast.Name):
        texts, said = _chosen(source, node, values)
    elif name in FILLS:
        texts, said = _filled(source, node, site.dtype, values, move)
    elif name in COPIES and is_torch_call(source, node):
        together = stacked(site, source, node, values) or stacked_list(source, node, values, move)
        texts, said = (together, STACKED) if together else _copied(source, node, site.dtype, values, move)
    else:
        texts, said = stacked_typed(site, source, node, move), STACKED
    if not texts:
        raise DeclinedError("The number is not read by a call that fills or compares")
    whole = node if move is None else move.call
    return tuple(_edit(site, source, whole, text, said) for text in texts)


def _edit(site: SiteEvidence, source: ModuleSource, node: ast.expr, text: str, said: str) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=(in_place(source, node, text),),
        numerics="exact",
        proof="data",
        description=said,
    )


def _beside_tensor(
    site: SiteEvidence, source: ModuleSource, number: ast.expr, values: Values, *, gradients: bool
) -> str | None:
    """``t`` of ``x.fill_(t.item())`` and of ``x * float(t)``, in the dtype of ``x``; None where there is no such ``x``.

    A sum, difference or product of a tensor and a number rounds once, to the tensor's type. That of a narrower type
    would round the number first, and a quotient may be a product with the reciprocal.
    """
    inner, outer = number_read(number), source.parents[number]
    if not isinstance(number, ast.Call) or inner is None:
        return None
    if is_tensor(inner, values, "cuda") is not True:
        return None
    reader = last_name(number.func)
    if reader == "int" and not site.dtype.startswith("int"):
        return None
    code = in_parentheses(source, inner)
    if gradients:  # they would pass through what a number cuts off
        if reader != "item":
            return None
        code = f"{code}.detach()"
    if site.shape != ():
        if reader != "item":  # another caller may give a number
            return None
        code = f"{code}.squeeze()"
    if isinstance(outer, ast.Call) and last_name(outer.func) == "fill_" and outer.args == [number]:
        return code
    if not (isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Add | ast.Sub | ast.Mult)):
        return None
    other = outer.right if outer.left is number else outer.left
    seen = value_of(other, values)
    if seen is None or seen.kind != "tensor" or seen.device != "cuda" or seen.dtype not in ("float32", "float64"):
        return None
    if site.dtype == seen.dtype:
        return code
    owner = source.code(other)
    return f"{torch_name(source)[0]}.as_tensor({code}, dtype={owner}.dtype, device={owner}.device)"


def _going_on(
    site: SiteEvidence, source: ModuleSource, number: ast.expr, values: Values, *, gradients: bool
) -> Edit | None:
    """``norm.double()`` of ``step = 0.1 / norm.item()``, ``x -= step * gradient``: what Python computes in doubles."""
    inner = number_read(number)
    if inner is None or not isinstance(number, ast.Call) or site.dtype not in WIDE:
        return None
    reader = last_name(number.func)
    others = isinstance(inner, ast.Attribute) or is_parameter(source, inner)  # another caller may give a number
    if reader == "int" or (reader == "float" and (others or is_tensor(inner, values, "cuda") is not True)):
        return None
    used = goes_on(source, number, values)
    if used is None:
        return None
    text = in_parentheses(source, inner) + (".detach()" if gradients else "") + ".double()"
    text += ".clone()" if site.dtype == "float64" and isinstance(inner, Leaf) else ""  # it may be written to
    text += "" if site.shape == () else ".squeeze()"
    said = GOES_ON + (" Where it divides by zero, it gives an infinity, and raises nothing." if used.divides else "")
    edit = _edit(site, source, number, text, said)
    return edit if used.exact else msgspec.structs.replace(edit, numerics="rounding", proof="arithmetic")


def _filled(
    source: ModuleSource, call: ast.Call, seen: str, values: Values, move: Move | None
) -> tuple[tuple[str, ...], str]:
    check_arguments(call, frozenset({"size", "fill_value", "dtype", "device", "input"}))
    name, torch = last_name(call.func), torch_of(call)
    method = name == "new_full"
    first = argument(call, 0, "input" if name == "full_like" else "size")
    value = argument(call, 1, "fill_value")
    if first is None or value is None or not seen:
        raise DeclinedError("Shape, number or dtype of the filled tensor was not seen")
    value, seen_as = _on_device(value, seen, values)
    if name == "full":
        if not is_torch_call(source, call):
            raise DeclinedError("It is not torch.full")
        device = keyword(call, "device")
        dtype = _dtype_text(source, call) or f"{torch}.{seen_as}"
        shape = source.code(first)
        if move is not None and device_of(move.device, values) != "cpu":
            there = f"{torch}.empty({shape}, dtype={dtype}, device={move.device_text})"
            return (f"{there}.fill_({source.code(value)})",), FILLED
        if device is None or device_of(device, values) == "cpu":
            raise DeclinedError("The tensor is made on the host, from a number on the device")
    else:
        owner = call.func.value if method and isinstance(call.func, ast.Attribute) else first
        if keyword(call, "device") is not None:
            raise DeclinedError("The tensor may be made on another device")
        dtype = _dtype_text(source, call) or f"{source.code(owner)}.dtype"
        shape = source.code(first) if method else f"{source.code(first)}.shape"
        torch = "torch"
    text = f"{cast_text(source, value, dtype, seen, torch)}.expand({shape})"
    if not is_only_read(source, call):
        text += ".clone()"
    return (text,), FILLED


def _moved_then(source: ModuleSource, call: ast.Call, values: Values) -> Move | None:
    """``torch.tensor(t).to(device)``, with nothing in between."""
    attribute = source.parents[call]
    moved = source.parents[attribute] if isinstance(attribute, ast.Attribute) else None
    if not isinstance(moved, ast.Call) or moved.func is not attribute or last_name(attribute) not in ("to", "cuda"):
        return None
    try:
        move = move_of(source, moved, values)
    except DeclinedError:
        return None
    return None if move.converts else move


def _copied(
    source: ModuleSource, call: ast.Call, seen: str, values: Values, move: Move | None
) -> tuple[tuple[str, ...], str]:
    check_arguments(call, frozenset({"data", "dtype", "device"}))
    value = argument(call, 0, "data")
    device = keyword(call, "device") if move is None else move.device
    if value is None or device_of(device, values) == "cpu" or (device is None and not isinstance(value, ast.Name)):
        raise DeclinedError("The tensor is made on the host, from a number on the device")
    count = None
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.List):
        if len(value.left.elts) != 1:
            raise DeclinedError("The list repeats more than one number")
        count = source.code(value.right)
        value = value.left.elts[0]
    elif isinstance(value, ast.List | ast.Tuple) and len(value.elts) == 1:
        value, count = value.elts[0], "1"
    was_read = number_read(value) is not None
    value, seen_as = _on_device(value, seen, values)
    if is_tensor(value, values, "cuda") is not True:
        raise DeclinedError("It was not seen that the number is a tensor on the device")
    # torch.tensor keeps the dtype of tensors it is given, in a list too; that of a Python number is inferred.
    dtype = _dtype_text(source, call) or (f"{torch_of(call)}.{seen_as}" if was_read else None)
    text = cast_text(source, value, dtype, seen, torch_of(call))
    text += ".clone()" if count is None else f".expand({count}).clone()"
    return (text,), "The number is copied on the device, where it lies, and never read."


def _chosen(source: ModuleSource, call: ast.Call, values: Values) -> tuple[tuple[str, ...], str]:
    if len(call.args) != 2 or call.keywords:
        raise DeclinedError("More than two values are compared")
    if any(is_tensor(each, values, "cuda") is not True for each in call.args):
        raise DeclinedError("It was not seen that both values are tensors on the device")
    seen = [value_of(each, values) for each in call.args]
    if len({(each.dtype, each.shape) for each in seen if each is not None}) > 1:
        raise DeclinedError(
            "The two differ in type or shape: one of them is chosen as it is, and both would be converted"
        )
    name = CHOICES[last_name(call.func)]
    arguments = ", ".join(source.code(each) for each in call.args)
    return (
        f"torch.{name}({arguments})",
    ), "The smaller or larger of the two is chosen on the device (no NaN among them)."


def _filled_from(source: ModuleSource, number: ast.expr) -> ast.Call | None:
    """The call that fills a tensor from a number: ``torch.full(shape, number)``, ``torch.tensor([number] * n)``."""
    node: ast.AST = source.parents[number]
    if isinstance(node, ast.List | ast.Tuple):
        node = source.parents[node]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            node = source.parents[node]
    return node if isinstance(node, ast.Call) and last_name(node.func) in FILLS | COPIES else None


def _on_device(value: ast.expr, seen: str, values: Values) -> tuple[ast.expr, str]:
    """(the tensor that a number is or comes from, the dtype that a factory infers from the number)."""
    inner = number_read(value)
    if inner is not None:
        whole = isinstance(value, ast.Call) and last_name(value.func) == "int"
        if is_tensor(inner, values, "cuda") is not True:
            raise DeclinedError("It was not seen that the number is a tensor on the device")
        if whole and inferred_dtype(seen) != "int64":
            raise DeclinedError("The number is rounded on the way")
        return inner, DEFAULT_DTYPE if last_name(value.func) == "float" else inferred_dtype(seen)  # type: ignore[attr-defined]
    if isinstance(value, ast.Call) and last_name(value.func) == "bool":
        raise DeclinedError("The number is turned into a Python number on the way")
    if is_tensor(value, values) is False:
        raise DeclinedError("The number read is not the one that fills the tensor")
    return value, inferred_dtype(seen)


def _dtype_text(source: ModuleSource, call: ast.Call) -> str | None:
    dtype = keyword(call, "dtype")
    return None if dtype is None else source.code(dtype)
