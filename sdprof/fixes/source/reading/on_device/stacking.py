"""A list of numbers, some of them on the device, as one tensor that is made there."""

from __future__ import annotations

import ast

from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import argument, separators
from sdprof.fixes.source.reading.names import is_free, last_name, scope_of
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.on_device.held_numbers import TYPED
from sdprof.fixes.source.reading.on_device.moves import Move
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.tensor_calls import FLOATS, cast_text, is_torch_call, keyword, number_read, torch_of

OF_PYTHON = {"int": "int64", "float": "float32", "bool": "bool"}
"""The dtype that ``torch.tensor`` gives to a Python number."""
ITEMS = ("each", "item", "number", "one_of_them")
MOST_ITEMS = 16
"""One kernel an item: for a longer list a copy is cheaper."""


def stacked(site: SiteEvidence, source: ModuleSource, call: ast.Call, values: Values) -> tuple[str, ...]:
    """``torch.tensor(numbers, device=d)`` of a short list of numbers and scalar tensors: none is read or copied.

    Items on the device are stacked as they are; the others go there as arguments of the kernels that fill.

    :returns: the text, another one for tensors of one element that have dimensions, and one for tensors on the host;
        nothing where it is no such list.
    """
    numbers, device = argument(call, 0, "data"), keyword(call, "device")
    if not isinstance(numbers, ast.Name | ast.Attribute) or device is None or not site.dtype:
        return ()
    seen = value_of(numbers, values)
    if seen is None or seen.type_name not in ("list", "tuple") or not seen.shape or seen.shape[0] > MOST_ITEMS:
        return ()
    plain = seen.device == "cpu" or (site.kind == "H2D" and seen.device != "cuda")
    if site.identical_content and plain:
        return ()  # one copy before the loop is less than a kernel for each number in each step
    item = next(name for name in ITEMS if is_free(scope_of(source, call), name))
    torch, dtype = torch_of(call), keyword(call, "dtype")
    wanted = f"{torch}.{site.dtype}" if dtype is None else source.code(dtype)
    made = f"{torch}.full((), {item}, dtype={wanted}, device={source.code(device)})"
    cast = f".to({wanted})" if dtype is not None else ""

    def of_items(each: str) -> str:
        return f"{torch}.stack([{each} for {item} in {source.code(numbers)}]){cast}"

    if seen.device == "cpu":
        return (of_items(made),)
    # At the first visit there may be none but plain numbers: whether tensors on the device or the host join them later,
    # the trials show.
    choices = (item, f"{item}.reshape(())")
    there = [of_items(f"{tensor} if {torch}.is_tensor({item}) else {made}") for tensor in choices]
    return (*there, of_items(made))


def stacked_typed(site: SiteEvidence, source: ModuleSource, call: ast.Call, move: Move | None) -> tuple[str, ...]:
    """``torch.FloatTensor(numbers).to(d)``, whatever gives the numbers, as a stack of what lies on the device.

    An item on the device is stacked as it is, and a plain number makes a tensor there.

    :returns: one text, or none where the items that were read are of another dtype.
    """
    name = last_name(call.func)
    if name not in TYPED or not is_torch_call(source, call) or move is None or len(call.args) != 1 or call.keywords:
        return ()
    if site.dtype != TYPED[name] or site.count > MOST_ITEMS * max(1, len(site.steps)):
        return ()
    item = next((each for each in ITEMS if is_free(scope_of(source, call), each)), None)
    if item is None or isinstance(call.args[0], ast.Starred):
        return ()
    torch = torch_of(call)
    made = f"{torch}.as_tensor({item}, dtype={torch}.{TYPED[name]}, device={move.device_text})"
    return (f"{torch}.stack([{made} for {item} in {source.code(call.args[0])}])",)


def stacked_list(source: ModuleSource, call: ast.Call, values: Values, move: Move | None = None) -> tuple[str, ...]:
    """``torch.tensor([t, float(u), 1.0], device=d)``, the list written out, as a stack of what lies on the device.

    :param move: the call that takes the tensor to the device, where the factory names none.
    :returns: one text, or none where an item's dtype was not seen, or no item lies on the device.
    """
    data = argument(call, 0, "data")
    device = keyword(call, "device") if move is None else move.device
    if not isinstance(data, ast.List | ast.Tuple) or not 1 < len(data.elts) <= MOST_ITEMS or device is None:
        return ()
    torch, given = torch_of(call), keyword(call, "dtype")
    items = [_item(source, each, values) for each in data.elts]
    dtypes = {dtype for item in items if item is not None for dtype in item[1:]}
    if None in items or not any(item is not None and item[2] for item in items):
        return ()
    inferred = {item[1] for item in items if item is not None}
    if given is None and len(inferred) > 1 and dtypes - {"", "int64", "float32"}:
        return ()
    wanted = source.code(given) if given is not None else f"{torch}.{max(inferred, key=lambda each: each in FLOATS)}"
    place = source.code(device) if move is None else move.device_text
    texts = [
        cast_text(source, node, wanted, on_device, torch)
        if on_device
        else f"{torch}.full((), {source.code(node)}, dtype={wanted}, device={place})"
        for node, _, on_device in filter(None, items)
    ]
    opens, between, closes = separators(source, call, sum(map(len, texts)))
    return (f"{torch}.stack([{opens}{f',{between}'.join(texts)}{closes}])",)


def _item(source: ModuleSource, node: ast.expr, values: Values) -> tuple[ast.expr, str, str] | None:
    """(tensor or number, the dtype that the factory infers from it, the tensor's dtype if it lies on the device)."""
    read = number_read(node)
    tensor = read or node
    seen = number_type(source, tensor, values)
    if is_tensor(tensor, values, "cuda") is True:
        if seen is None or seen.of != "array":
            return None
        by = last_name(node.func) if read is not None and isinstance(node, ast.Call) else ""
        if by == "int" and seen.dtype in FLOATS:
            return None
        as_float = by == "float" or (by == "item" and seen.dtype in FLOATS)
        return tensor, "float32" if as_float else "int64" if by else seen.dtype, seen.dtype
    number = number_type(source, node, values)
    if number is None or number.of != "python" or is_tensor(tensor, values, "cuda") is True:
        return None
    return node, OF_PYTHON[number.dtype], ""
