"""Calls that make tensors, read from the text: which arguments, which dtype comes out."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import in_parentheses, is_plain
from sdprof.fixes.source.reading.names import bindings, dotted, last_name, scope_of, within

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
DTYPE_ALIASES = {
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "float": "float32",
    "double": "float64",
    "half": "float16",
}
DEFAULT_DTYPE = "float32"
_PURE = """
sqrt rsqrt exp log abs neg square pow reciprocal sin cos add sub mul div float half double bfloat16 size dim numel item
type_as sigmoid tanh log2 log1p expm1 clone
"""
PURE_METHODS = frozenset(_PURE.split())
"""Methods that neither write to a tensor nor hand out a view of it (``float`` may return the tensor itself)."""
PURE_ATTRIBUTES = frozenset({"shape", "dtype", "device", "ndim"})


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The argument given by this keyword."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def check_arguments(call: ast.Call, allowed: frozenset[str]) -> None:
    """Only keywords that are understood.

    :raises DeclinedError: there are others, or ``*args``, ``**kwargs``.
    """
    if not is_plain(call):
        raise DeclinedError("The call has arguments that the text does not name (*args or **kwargs)")
    others = sorted({each.arg or "" for each in call.keywords} - allowed)
    if others:
        raise DeclinedError(f"The call has arguments whose effect is not carried over: {', '.join(others)}")


def dtype_name(node: ast.expr | None) -> str | None:
    """``float32`` of ``torch.float32`` or ``torch.float``; None of anything that is computed."""
    name = dotted(node) if node is not None else None
    if name is None or "." not in name:
        return None
    last = name.rpartition(".")[2]
    last = DTYPE_ALIASES.get(last, last)
    return last if last in FLOATS or last.startswith(("int", "uint", "bool")) else None


def inferred_dtype(seen: str) -> str:
    """The dtype that a factory gives to a Python number read from a tensor of dtype ``seen``."""
    return DEFAULT_DTYPE if seen in FLOATS else "bool" if seen == "bool" else "int64"


def torch_of(call: ast.Call) -> str:
    """What the code calls torch: the owner of ``torch.full``; ``torch`` for a bare name."""
    owner = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else None
    return owner or "torch"


def number_beside(torch: str, number: str, owner: str) -> str:
    """A number as a tensor without dimensions, of the dtype of another tensor and on its device."""
    return f"{torch}.full((), {number}, dtype={owner}.dtype, device={owner}.device)"


def is_torch_call(source: ModuleSource, call: ast.Call) -> bool:
    """Whether the function called is an attribute of torch, or imported from it.

    Where a file imports all that another one has, torch may come along: under its own name, or as ``th``.
    """
    aliases = {"torch"}
    imported: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names):
            aliases |= {"th"} if not bindings(source.tree, "th") else set()
        if isinstance(node, ast.Import):
            aliases |= {each.asname or each.name for each in node.names if each.name == "torch"}
        elif isinstance(node, ast.ImportFrom) and node.module == "torch":
            imported |= {each.asname or each.name for each in node.names}
    if isinstance(call.func, ast.Attribute):
        return dotted(call.func.value) in aliases
    return isinstance(call.func, ast.Name) and call.func.id in imported


def unwrapped(source: ModuleSource, node: ast.expr) -> ast.expr:
    """``x`` of ``Variable(x)``, which gives the tensor itself since PyTorch 0.4."""
    while isinstance(node, ast.Call) and last_name(node.func) == "Variable" and len(node.args) == 1:
        imported = any(
            isinstance(each, ast.ImportFrom)
            and each.module == "torch.autograd"
            and any((name.asname or name.name) == "Variable" for name in each.names)
            for each in ast.walk(source.tree)
        )
        if node.keywords or not (imported or dotted(node.func) == "torch.autograd.Variable"):
            break
        node = node.args[0]
    return node


def number_read(node: ast.expr) -> ast.expr | None:
    """The tensor in ``float(t)``, ``int(t)`` or ``t.item()``."""
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    if isinstance(node.func, ast.Name) and node.func.id in ("float", "int") and len(node.args) == 1:
        return node.args[0]
    if isinstance(node.func, ast.Attribute) and node.func.attr == "item" and not node.args:
        return node.func.value
    return None


def is_only_read(source: ModuleSource, node: ast.expr) -> bool:
    """Whether the value of an expression is used by arithmetic alone: nobody writes to it or keeps it.

    A name that the value is given to has to be used so throughout the function.
    """
    parent = source.parents[node]
    if _is_pure_use(parent, node):
        return True
    if not (isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name)):
        return False
    name = parent.targets[0].id
    for each in within(scope_of(source, node)):
        if isinstance(each, ast.Name) and each.id == name and not isinstance(each.ctx, ast.Store):
            if not _is_pure_use(source.parents[each], each):
                return False
        elif isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
            return False
    return not _is_captured(source, node, name)


def _is_pure_use(parent: ast.AST, node: ast.expr) -> bool:
    if isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Compare):
        return True
    if isinstance(parent, ast.Call) and node in parent.args:
        function = dotted(parent.func) or ""
        return function.startswith("torch.") and function.removeprefix("torch.") in PURE_METHODS
    return isinstance(parent, ast.Attribute) and parent.value is node and parent.attr in PURE_METHODS | PURE_ATTRIBUTES


def _is_captured(source: ModuleSource, node: ast.expr, name: str) -> bool:
    """Whether a nested function may see the name."""
    scope = scope_of(source, node)
    own = set(map(id, within(scope)))
    return any(isinstance(each, ast.Name) and each.id == name and id(each) not in own for each in ast.walk(scope))


def cast_text(source: ModuleSource, value: ast.expr, target: str | None, seen: str, torch: str) -> str:
    """The value in the dtype ``target`` (text), without a cast where it has that already."""
    code = in_parentheses(source, value)
    if target is None or target.removeprefix(f"{torch}.") == seen or _alias(target, torch) == seen:
        return code
    return f"{code}.to({target})"


def _alias(target: str, torch: str) -> str:
    last = target.removeprefix(f"{torch}.")
    return DTYPE_ALIASES.get(last, last)
