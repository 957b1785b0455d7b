"""Expressions that are made of nothing but factories and numbers, and so could be built on the device."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import with_argument
from sdprof.fixes.source.reading.names import bindings, last_name, read_in, scope_of, within
from sdprof.fixes.source.reading.seen import Values, is_tensor
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword

MOVES_DATA = frozenset({"zeros", "ones", "full", "eye", "empty"})
COUNTS = frozenset({"arange", "range"})
COMPUTES = frozenset({"linspace", "logspace"})
FACTORIES = MOVES_DATA | COUNTS | COMPUTES
RANDOM = frozenset(
    {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like", "randn_like", "poisson"}
)
_METHODS = """
exp log sqrt rsqrt sin cos tanh sigmoid abs neg square pow reciprocal add sub mul div float double half long int flip
reshape view unsqueeze squeeze repeat expand flatten clone contiguous t transpose permute clamp cumsum cumprod type to
log2 log1p expm1 mean sum
"""
PURE = frozenset(_METHODS.split())
REARRANGES = frozenset(
    {"reshape", "view", "unsqueeze", "squeeze", "repeat", "expand", "flatten", "clone", "contiguous", "t", "transpose"}
)
NUMBER_MODULES = frozenset({"math", "np", "numpy"})
NUMBER_FUNCTIONS = frozenset({"len", "int", "float", "min", "max", "round", "abs"})
DTYPE_BEGINNINGS = ("float", "int", "uint", "bool", "long", "half", "double", "bfloat")


@dataclass
class HostTree:
    """What would have to be written on the device instead."""

    factories: list[ast.Call] = field(default_factory=list)
    definitions: list[ast.Assign] = field(default_factory=list)
    """Assignments of the local names that the expression is made of."""
    computes: bool = False
    random: bool = False


def read_tree(source: ModuleSource, node: ast.expr, values: Values) -> HostTree:
    """Take an expression on the host apart, through local names that are assigned once.

    :raises DeclinedError: some part of it is not a factory, a number, or arithmetic with these.
    """
    tree = HostTree()
    _read(source, node, values, tree)
    if not tree.factories:
        raise DeclinedError("No factory of torch makes the tensor: its data come from elsewhere")
    return tree


def _read(source: ModuleSource, node: ast.expr, values: Values, tree: HostTree) -> None:
    if isinstance(node, ast.Call):
        _read_call(source, node, values, tree)
    elif isinstance(node, ast.BinOp):
        tree.computes = True
        _read(source, node.left, values, tree)
        _read(source, node.right, values, tree)
    elif isinstance(node, ast.UnaryOp):
        _read(source, node.operand, values, tree)
    elif isinstance(node, ast.Subscript):
        _read(source, node.value, values, tree)
    elif isinstance(node, ast.Name) and is_tensor(node, values) is not False:
        _read_name(source, node, values, tree)
    elif not _is_number(source, node, values):
        raise DeclinedError(f"{_short(source, node)} is no factory, no number and no arithmetic with these")


def _read_call(source: ModuleSource, call: ast.Call, values: Values, tree: HostTree) -> None:
    if _is_number(source, call, values):
        return
    name = last_name(call.func)
    if name in RANDOM:
        raise DeclinedError("Random numbers are drawn on the host: a draw on the device would give other numbers")
    if is_torch_call(source, call):
        if name in FACTORIES:
            device = keyword(call, "device")
            if device is not None and not (isinstance(device, ast.Constant) and device.value == "cpu"):
                raise DeclinedError("The factory names a device already")
            if keyword(call, "out") is not None or keyword(call, "pin_memory") is not None:
                raise DeclinedError("The factory writes to memory that was made on the host")
            tree.computes |= name in COMPUTES or (name in COUNTS and _has_fractions(call))
            tree.factories.append(call)
            return
        if name in PURE or name in ("cat", "stack"):
            tree.computes |= name not in REARRANGES | {"cat", "stack"}
            for argument in call.args:
                for each in argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]:
                    _read(source, each, values, tree)
            return
    elif isinstance(call.func, ast.Attribute) and last_name(call.func.value) in NUMBER_MODULES:
        raise DeclinedError(f"It was not seen that {_short(source, call)} is a number")
    elif isinstance(call.func, ast.Attribute) and name in PURE and not call_moves(call):
        tree.computes |= name not in REARRANGES
        _read(source, call.func.value, values, tree)
        for argument in call.args:
            if not _is_number(source, argument, values) and name not in ("to", "type"):
                _read(source, argument, values, tree)
        return
    raise DeclinedError(f"{_short(source, call)} may make its data on the host")


def _read_name(source: ModuleSource, node: ast.Name, values: Values, tree: HostTree) -> None:
    scope = scope_of(source, node)
    bound = bindings(scope, node.id)
    if len(bound) != 1 or not isinstance(bound[0].node, ast.Assign) or bound[0].value is None:
        raise DeclinedError(f"{node.id} does not come from one assignment in this function")
    if bound[0].kind != "assignment" or len(bound[0].node.targets) != 1:
        raise DeclinedError(f"{node.id} is one of several names in its assignment")
    if bound[0].node not in tree.definitions:
        tree.definitions.append(bound[0].node)
        _read(source, bound[0].value, values, tree)


def check_names_stay_inside(source: ModuleSource, tree: HostTree, node: ast.expr) -> None:
    """The names that would hold device tensors are used nowhere else.

    :raises DeclinedError: one is.
    """
    inside = {id(each) for part in (node, *tree.definitions) for each in ast.walk(part)}
    names = {each.targets[0].id for each in tree.definitions if isinstance(each.targets[0], ast.Name)}
    for each in within(scope_of(source, node)):
        if isinstance(each, ast.Name) and each.id in names and id(each) not in inside:
            raise DeclinedError(f"{each.id} is used on the host as well")


def check_known_before(source: ModuleSource, device: ast.expr, tree: HostTree) -> None:
    """The device is known where the first factory runs, as it is where all stands in one expression.

    :raises DeclinedError: a name in it is bound later.
    """
    if not tree.definitions:
        return
    first = min((each.lineno for each in tree.factories), default=0)
    scope = scope_of(source, device)
    for name in read_in(device):
        for bound in bindings(scope, name):
            if bound.kind != "parameter" and getattr(bound.node, "lineno", 0) >= first:
                raise DeclinedError(f"{name}, which names the device, is bound after the tensor is made")


def call_moves(call: ast.Call) -> bool:
    """Whether ``.to(…)`` may go to another device: it is given anything but a dtype."""
    if last_name(call.func) not in ("to", "type_as", "cuda", "cpu"):
        return False
    if last_name(call.func) != "to":
        return True
    given = [*call.args, *(each.value for each in call.keywords if each.arg not in ("dtype", "copy", "non_blocking"))]
    return any(not _is_dtype(each) for each in given)


def with_device(source: ModuleSource, factory: ast.Call, device: str) -> Replacement:
    """The factory's call with ``device=`` added as its last argument."""
    given = keyword(factory, "device")
    if given is not None:
        start, end = source.span(given)
        return Replacement(start=start, end=end, text=device)
    return with_argument(source, factory, f"device={device}")


def _is_dtype(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and (
        node.attr == "dtype"
        or node.attr.startswith(("float", "int", "uint", "bool", "long", "half", "double", "bfloat"))
    )


def _is_number(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """Whether an expression holds nothing that may be a tensor."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        return is_tensor(node, values) is False or _is_constant(source, node)
    if isinstance(node, ast.BinOp):
        return _is_number(source, node.left, values) and _is_number(source, node.right, values)
    if isinstance(node, ast.UnaryOp):
        return _is_number(source, node.operand, values)
    if isinstance(node, ast.Tuple | ast.List):
        return all(_is_number(source, each, values) for each in node.elts)
    if isinstance(node, ast.Call):
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        library = isinstance(owner, ast.Name) and owner.id in NUMBER_MODULES
        plain = isinstance(node.func, ast.Name) and node.func.id in (
            "len",
            "int",
            "float",
            "min",
            "max",
            "round",
            "abs",
        )
        return (library or plain) and all(_is_number(source, each, values) for each in node.args)
    return False


def _is_constant(source: ModuleSource, node: ast.expr) -> bool:
    """A name that the module gives a number, once."""
    if not isinstance(node, ast.Name):
        return (
            isinstance(node.value, ast.Name) and node.value.id == "math" if isinstance(node, ast.Attribute) else False
        )
    bound = bindings(source.tree, node.id)
    value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
    return value is not None and _is_number(source, value, {})


def _has_fractions(call: ast.Call) -> bool:
    dtype, steps = keyword(call, "dtype"), [*call.args[2:3], *filter(None, [keyword(call, "step")])]
    if any(not (isinstance(each, ast.Constant) and isinstance(each.value, int)) for each in steps):
        return True  # a step that has a name may be a fraction
    return any(isinstance(each, ast.Constant) and isinstance(each.value, float) for each in call.args) or (
        dtype is not None and last_name(dtype).startswith(("float", "half", "double", "bfloat"))
    )


def _short(source: ModuleSource, node: ast.expr) -> str:
    text = " ".join(source.code(node).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
