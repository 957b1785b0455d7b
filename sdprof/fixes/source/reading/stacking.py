"""A list of numbers, some of them on the device, as one tensor that is made there."""

from __future__ import annotations

import ast

from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import argument
from sdprof.fixes.source.reading.names import is_free, scope_of
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.tensor_calls import keyword, torch_of

MOST_ITEMS = 16
"""One kernel an item: for a longer list a copy is cheaper."""


def stacked(site: SiteEvidence, source: ModuleSource, call: ast.Call, values: Values) -> tuple[str, ...]:
    """``torch.tensor(numbers, device=d)`` of a short list of numbers and scalar tensors: none is read or copied.

    Items on the device are stacked as they are; the others go there as arguments of the kernels that fill.

    :returns: the text, and another one for tensors of one element that have dimensions; nothing where it is no such
        list.
    """
    numbers, device = argument(call, 0, "data"), keyword(call, "device")
    if not isinstance(numbers, ast.Name | ast.Attribute) or device is None or not site.dtype:
        return ()
    seen = value_of(numbers, values)
    if seen is None or seen.type_name not in ("list", "tuple") or not seen.shape or seen.shape[0] > MOST_ITEMS:
        return ()
    if site.identical_content and seen.device == "cpu":
        return ()  # one copy before the loop is less than a kernel for each number in each step
    item = next(name for name in ("each", "item", "number", "one_of_them") if is_free(scope_of(source, call), name))
    torch, dtype = torch_of(call), keyword(call, "dtype")
    wanted = f"{torch}.{site.dtype}" if dtype is None else source.code(dtype)
    made = f"{torch}.full((), {item}, dtype={wanted}, device={source.code(device)})"
    cast = f".to({wanted})" if dtype is not None else ""

    def of_items(each: str) -> str:
        return f"{torch}.stack([{each} for {item} in {source.code(numbers)}]){cast}"

    if seen.device == "cpu":
        return (of_items(made),)
    # At the first visit there may be none but plain numbers.
    choices = (item, f"{item}.reshape(())")
    return tuple(of_items(f"{tensor} if {torch}.is_tensor({item}) else {made}") for tensor in choices)
