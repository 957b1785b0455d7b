"""Host tensors that hold one number, or a few: how the device would fill them itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import is_plain, separators
from sdprof.fixes.source.reading.names import last_name, read_in, stored_names
from sdprof.fixes.source.reading.number_types import INT, NumberType, number_type
from sdprof.fixes.source.reading.seen import Values
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword, torch_of

PLAIN_DTYPES = frozenset({"float32", "int64", "bool"})
"""What ``torch.full`` infers from a Python number, as ``torch.tensor`` does."""
TYPED = {
    "Tensor": "float32",
    "FloatTensor": "float32",
    "DoubleTensor": "float64",
    "HalfTensor": "float16",
    "LongTensor": "int64",
    "IntTensor": "int32",
}
"""Their only argument is a list: a number would be a size."""
INFERRING = frozenset({"tensor", "as_tensor", "asarray"})
IN_NUMPY = {"bool": "bool", "int": "int64", "float": "float64"}
"""The dtype that NumPy gives to a Python number."""
NUMPY = frozenset({"np", "numpy"})
MOST_DIFFERENT = 4
"""One kernel fills for each number: of more numbers than these, a copy is cheaper."""


@dataclass(frozen=True)
class HeldNumbers:
    """The data of ``torch.tensor(data)``, where they are numbers of the host's."""

    call: ast.expr
    shape: str
    numbers: tuple[ast.expr, ...]
    """One number that fills the shape, or the different ones of a row."""
    dtype: str | None
    """As text; None where the factory infers it from the number."""

    def on_device(self, source: ModuleSource, device: str, torch: str = "") -> list[Replacement]:
        """Have the device make the same tensor; the text of the numbers stays, so that others may change it."""
        torch = torch or (torch_of(self.call) if isinstance(self.call, ast.Call) else "torch")
        row = len(self.numbers) > 1
        tail = f"{'' if self.dtype is None else f', dtype={self.dtype}'}, device={device})"
        begins = f"{torch}.full({'()' if row else self.shape}, "
        place, end = source.span(self.call)
        length = sum(len(source.code(each)) + len(begins) + len(tail) for each in self.numbers)
        opens, between, closes = separators(source, self.call, length) if row else ("", "", "")
        text = f"{torch}.stack([{opens}{begins}" if row else begins
        changes: list[Replacement] = []
        for number in self.numbers:
            first, behind = source.span(number)
            changes.append(Replacement(start=place, end=first, text=text))
            place, text = behind, f"{tail},{between}{begins}"
        return [*changes, Replacement(start=place, end=end, text=f"{tail}{closes}])" if row else tail)]


def held_numbers(
    source: ModuleSource, call: ast.Call, values: Values, dtype_seen: str = "", *, anywhere: bool = False
) -> HeldNumbers | None:
    """Read ``torch.tensor([t] * n)``, ``torch.LongTensor([t])``, ``torch.from_numpy(np.array([t]))`` and the like.

    None of anything else, and where the dtype that comes of the numbers cannot be told: NumPy's keep theirs in
    ``torch.tensor``, and lose it in ``torch.full``.

    :param dtype_seen: of the tensor that the call made; empty where that was not seen.
    :param anywhere: the call may name a device.
    """
    name = last_name(call.func)
    if not is_torch_call(source, call) or name not in INFERRING | TYPED.keys() | {"from_numpy"}:
        return None
    if not _says_only(call, {"dtype", "device"}) or not (anywhere or _is_on_host(call)) or len(call.args) != 1:
        return None
    data, dtype = call.args[0], keyword(call, "dtype")
    array = _array_in(data)
    if (array is None) == (name == "from_numpy") or (name in TYPED and not isinstance(data, _LISTS)):
        return None
    read = _numbers(source, array.args[0] if array is not None else data)
    if read is None:
        return None
    shape, numbers = read
    types = [number_type(source, each, values) for each in numbers]
    if None in types:
        return None
    if dtype is not None:
        return HeldNumbers(call, shape, numbers, source.code(dtype))
    if name in TYPED:
        found: str | None = dtype_seen or TYPED[name]
    elif array is not None and array.keywords:
        found = dtype_seen or None
    else:
        found = dtype_seen or _inferred([each for each in types if each is not None], in_numpy=array is not None)
    if found is None:
        return None
    plain = found in PLAIN_DTYPES and len(numbers) == 1 and name not in TYPED and not (array and array.keywords)
    return HeldNumbers(call, shape, numbers, None if plain else f"{torch_of(call)}.{found}")


def held_list(source: ModuleSource, data: ast.expr, values: Values) -> HeldNumbers | None:
    """Read a list of whole numbers that is used as it is, ``[i] * n``: an index."""
    read = _numbers(source, data) if isinstance(data, _LISTS) else None
    if read is None or any(number_type(source, each, values) != INT for each in read[1]):
        return None
    return HeldNumbers(data, *read, None)


_LISTS = (ast.List, ast.Tuple, ast.BinOp, ast.ListComp)


def _inferred(types: list[NumberType], *, in_numpy: bool) -> str | None:
    if len(set(types)) != 1:
        return None
    (only,) = set(types)
    if only.of == "array":
        return only.dtype
    return IN_NUMPY[only.dtype] if in_numpy else {"bool": "bool", "int": "int64", "float": "float32"}[only.dtype]


def _says_only(call: ast.Call, allowed: set[str]) -> bool:
    return is_plain(call) and all(each.arg in allowed for each in call.keywords)


def _is_on_host(call: ast.Call) -> bool:
    device = keyword(call, "device")
    return device is None or (isinstance(device, ast.Constant) and device.value == "cpu")


def _array_in(data: ast.expr) -> ast.Call | None:
    """``np.array(numbers)``, with its dtype or without."""
    if not (isinstance(data, ast.Call) and isinstance(data.func, ast.Attribute)):
        return None
    known = last_name(data.func.value) in NUMPY and data.func.attr in ("array", "asarray")
    return data if known and len(data.args) == 1 and _says_only(data, {"dtype"}) else None


def _numbers(source: ModuleSource, data: ast.expr) -> tuple[str, tuple[ast.expr, ...]] | None:
    """(shape, numbers) of ``t``, ``[t]``, ``[[t]]``, ``[t] * n``, ``[t for _ in range(n)]`` and ``[t, u]``."""
    if isinstance(data, ast.BinOp) and isinstance(data.op, ast.Mult):
        items, count = (data.left, data.right) if isinstance(data.left, ast.List) else (data.right, data.left)
        if isinstance(items, ast.List):
            single = len(items.elts) == 1 and not isinstance(items.elts[0], ast.Starred | ast.List | ast.Tuple)
            return (f"({source.code(count)},)", (items.elts[0],)) if single else None
    if isinstance(data, ast.ListComp):
        return _repeated(source, data)
    if not isinstance(data, ast.List | ast.Tuple):
        return "()", (data,)
    items_of = data.elts
    if not len(items_of) > 0 or any(isinstance(each, ast.Starred) for each in items_of):
        return None
    if len(items_of) == 1 and isinstance(items_of[0], ast.List | ast.Tuple):
        inner = _numbers(source, items_of[0])
        single = inner is not None and len(inner[1]) == 1
        return (f"(1, {inner[0].strip('(,)')})", inner[1]) if inner is not None and single else None
    if len({ast.dump(each) for each in items_of}) == 1:
        return f"({len(items_of)},)", (items_of[0],)
    return (f"({len(items_of)},)", tuple(items_of)) if len(items_of) <= MOST_DIFFERENT else None


def _repeated(source: ModuleSource, made: ast.ListComp) -> tuple[str, tuple[ast.expr, ...]] | None:
    if len(made.generators) != 1 or made.generators[0].ifs or made.generators[0].is_async:
        return None
    (part,) = made.generators
    counted = isinstance(part.iter, ast.Call) and last_name(part.iter.func) == "range" and len(part.iter.args) == 1
    if not counted or read_in(made.elt) & stored_names(part.target) or not isinstance(part.iter, ast.Call):
        return None
    return f"({source.code(part.iter.args[0])},)", (made.elt,)
