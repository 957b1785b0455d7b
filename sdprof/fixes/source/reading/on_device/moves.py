"""Calls that move a tensor to a device: ``.to(…)``, ``.cuda()``, ``.type_as(x)``, ``.type(x.type())``."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import dotted, last_name
from sdprof.fixes.source.reading.seen import Values, value_of


@dataclass(frozen=True)
class Move:
    """``host.to(device)``."""

    call: ast.Call
    host: ast.expr
    """What is moved."""
    device: ast.expr
    """An expression whose names tell the device."""
    device_text: str
    dtype_text: str | None = None
    """The dtype that it is converted to on the way."""
    names_dtype: bool = False
    """The call is given a dtype, not another tensor to be like."""

    @property
    def converts(self) -> bool:
        """Whether the dtype may change as well."""
        return self.dtype_text is not None


def move_of(source: ModuleSource, call: ast.Call, values: Values) -> Move:
    """Take a call apart that moved a tensor.

    :raises DeclinedError: it is none of the usual ones.
    """
    name = last_name(call.func)
    if not isinstance(call.func, ast.Attribute):
        raise DeclinedError("The copy is not made by a call of .to() in this expression")
    host = call.func.value
    named = {each.arg: each.value for each in call.keywords}
    if set(named) - {"device", "dtype", "non_blocking", "other"}:
        raise DeclinedError("The call has arguments whose effect is not carried over")
    if name == "cuda":
        given = call.args[0] if call.args else named.get("device")
        text = '"cuda"' if given is None else source.code(given)
        return Move(call, host, given or ast.Constant("cuda"), text)
    if name == "type_as" and len(call.args) == 1:
        other = source.code(call.args[0])
        return Move(call, host, call.args[0], f"{other}.device", f"{other}.dtype")
    if name == "type" and (like := _typed_like(call)) is not None:
        other = source.code(like)
        return Move(call, host, like, f"{other}.device", f"{other}.dtype")
    if name != "to":
        raise DeclinedError("The copy is not made by a call of .to() in this expression")
    positional = list(call.args)
    first = positional.pop(0) if positional else named.get("device", named.get("other"))
    if first is None:
        raise DeclinedError("The call of .to() names no device")
    dtype = positional.pop(0) if positional else named.get("dtype")
    seen = value_of(first, values)
    if "other" in named or (seen is not None and seen.kind == "tensor"):
        other = source.code(first)
        return Move(call, host, first, f"{other}.device", f"{other}.dtype")
    converted = None if dtype is None else source.code(dtype)
    return Move(call, host, first, source.code(first), converted, names_dtype=dtype is not None)


def _typed_like(call: ast.Call) -> ast.expr | None:
    """``x`` of ``.type(x.type())``: the name of a type of the device's takes a tensor there."""
    asked = call.args[0] if len(call.args) == 1 and not call.keywords else None
    if not isinstance(asked, ast.Call) or not isinstance(asked.func, ast.Attribute) or asked.func.attr != "type":
        return None
    return asked.func.value if not asked.args and not asked.keywords and dotted(asked.func.value) is not None else None


def is_to_host(call: ast.Call) -> bool:
    """Whether a call is ``x.cpu()`` or ``x.to("cpu")``, and says nothing else."""
    given = [ast.unparse(each) for each in call.args]
    given += [ast.unparse(each.value) if each.arg == "device" else "?" for each in call.keywords]
    return (last_name(call.func), given) in (("cpu", []), ("to", ["'cpu'"]), ("to", ["torch.device('cpu')"]))
