"""Expressions that are made of nothing but factories and numbers, and so could be built on the device."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import with_argument
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, is_bound_before
from sdprof.fixes.source.reading.names import (
    Scope,
    around,
    bindings,
    is_parameter,
    last_name,
    read_in,
    scope_of,
    statement_of,
    within,
)
from sdprof.fixes.source.reading.number_types import number_type
from sdprof.fixes.source.reading.on_device.held_numbers import HeldNumbers, held_numbers
from sdprof.fixes.source.reading.on_host.cut_fractions import AS_IEEE_SAYS
from sdprof.fixes.source.reading.on_host.host_numbers import NUMBER_MODULES, is_number
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.fixes.source.reading.straight_line import block_of, definitions_before, loads_after
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword, unwrapped

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
log2 log1p expm1 mean sum tril triu bool
"""
PURE = frozenset(_METHODS.split())
REARRANGES = frozenset(
    {
        "reshape",
        "view",
        "unsqueeze",
        "squeeze",
        "repeat",
        "expand",
        "flatten",
        "clone",
        "contiguous",
        "t",
        "transpose",
        "tril",
        "triu",
    }
)
SCALARS = (ast.Name, ast.Attribute, ast.Subscript)
CASTS = frozenset({"float", "double", "half", "long", "int", "bool", "to", "type"})
TO_WHOLE = ("int", "uint", "long", "bool")
DTYPE_BEGINNINGS = ("float", "int", "uint", "bool", "long", "half", "double", "bfloat")


@dataclass
class HostTree:
    """What would have to be written on the device instead."""

    moved: ast.expr
    """The call that moves the tensor."""
    factories: list[ast.Call] = field(default_factory=list)
    held: list[HeldNumbers] = field(default_factory=list)
    """Tensors that are made of numbers: ``torch.tensor([t])``."""
    takes_scalars: bool = False
    """Tensors without dimensions on the host may be made anew on the device, of their number."""
    scalars: list[ast.expr] = field(default_factory=list)
    definitions: list[ast.Assign] = field(default_factory=list)
    """Assignments of the local names that the expression is made of."""
    computes: bool = False
    fractions: bool = False
    """What is computed may be rounded otherwise on the device than on the host: all but sums and products."""

    @property
    def makers(self) -> list[ast.expr]:
        """The calls that make tensors of nothing but numbers."""
        return [*self.factories, *(each.call for each in self.held)]

    def on_device(self, source: ModuleSource, device: str) -> list[Replacement]:
        """Have the device make what they make."""
        changes = [with_device(source, factory, device) for factory in self.factories]
        changes += [change for each in self.held for change in each.on_device(source, device)]
        return changes + [_filled_with(source, each, device) for each in self.scalars]


def _filled_with(source: ModuleSource, scalar: ast.expr, device: str) -> Replacement:
    code, (start, end) = source.code(scalar), source.span(scalar)
    text = f"{torch_name(source)[0]}.full((), {code}.item(), dtype={code}.dtype, device={device})"
    return Replacement(start=start, end=end, text=text)


def read_tree(
    source: ModuleSource,
    node: ast.expr,
    values: Values,
    moved: ast.expr,
    dtype: str = "",
    *,
    takes_scalars: bool = False,
) -> HostTree:
    """Take an expression on the host apart, through local names that are assigned once.

    :param moved: the call that moves it.
    :param dtype: of what is moved, where that was seen.
    :param takes_scalars: tensors without dimensions on the host are numbers, too.
    :raises DeclinedError: some part of it is not a factory, a number, or arithmetic with these.
    """
    tree = HostTree(moved, takes_scalars=takes_scalars)
    _read(source, node, values, tree, dtype)
    if not tree.makers and not tree.scalars:
        raise DeclinedError("No factory of torch makes the tensor: its data come from elsewhere")
    return tree


def _read(source: ModuleSource, node: ast.expr, values: Values, tree: HostTree, dtype: str = "") -> None:
    node = unwrapped(source, node)
    if tree.takes_scalars and isinstance(node, SCALARS) and _is_host_scalar(source, node, values):
        if is_parameter(source, node):
            raise DeclinedError("Another caller may hand over more than one number")
        tree.scalars.append(node)
    elif isinstance(node, ast.Call):
        _read_call(source, node, values, tree, dtype)
    elif isinstance(node, ast.BinOp):
        tree.computes = True
        tree.fractions |= not isinstance(node.op, AS_IEEE_SAYS)
        for side in (node.left, node.right):
            if tree.takes_scalars or not _is_host_scalar(source, side, values):
                _read(source, side, values, tree)
    elif isinstance(node, ast.UnaryOp):
        _read(source, node.operand, values, tree, dtype)
    elif isinstance(node, ast.Subscript):
        _read(source, node.value, values, tree, dtype)
    elif isinstance(node, ast.Name) and is_tensor(node, values) is not False:
        _read_name(source, node, values, tree, dtype)
    elif not is_number(source, node, values):
        raise DeclinedError(f"{_short(source, node)} is no factory, no number and no arithmetic with these")


def _is_host_scalar(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """A tensor without dimensions on the host, which goes along with a kernel as a number does."""
    owner = value_of(node.value if isinstance(node, ast.Subscript) else node, values)
    on_host = owner is not None and (owner.kind, owner.device) == ("tensor", "cpu")
    return on_host and number_type(source, node, values) is not None


def _read_call(source: ModuleSource, call: ast.Call, values: Values, tree: HostTree, dtype: str) -> None:
    if is_number(source, call, values):
        return
    held = held_numbers(source, call, values, dtype)
    if held is not None:
        tree.held.append(held)
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
            rounds = name in COMPUTES or (name in COUNTS and _has_fractions(call))
            tree.computes |= rounds
            tree.fractions |= rounds
            tree.factories.append(call)
            return
        if name in PURE or name in ("cat", "stack"):
            tree.computes |= name not in REARRANGES | {"cat", "stack"}
            tree.fractions |= name not in REARRANGES | {"cat", "stack"}
            for argument in call.args:
                for each in _items(argument):
                    _read(source, each, values, tree)
            return
    elif isinstance(call.func, ast.Attribute) and last_name(call.func.value) in NUMBER_MODULES:
        raise DeclinedError(f"It was not seen that {_short(source, call)} is a number")
    elif isinstance(call.func, ast.Attribute) and name in PURE and not call_moves(call):
        outside, tree.fractions = tree.fractions, False
        _read(source, call.func.value, values, tree, dtype if name in REARRANGES else "")
        if tree.fractions and _makes_whole(call):
            raise DeclinedError("Fractions are cut to whole numbers: rounded otherwise, one could become its neighbour")
        tree.computes |= name not in REARRANGES | CASTS
        tree.fractions |= outside or name not in REARRANGES | CASTS
        for argument in call.args:
            if not is_number(source, argument, values) and name not in ("to", "type"):
                _read(source, argument, values, tree)
        return
    raise DeclinedError(f"{_short(source, call)} may make its data on the host")


def _items(argument: ast.expr) -> list[ast.expr]:
    """What ``cat`` and ``stack`` are given: the items of a list, also of one that is repeated."""
    if isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Mult) and isinstance(argument.left, ast.List):
        argument = argument.left
    return argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]


def _read_name(source: ModuleSource, node: ast.Name, values: Values, tree: HostTree, dtype: str) -> None:
    definition = _definition(source, node, tree)
    if definition not in tree.definitions:
        tree.definitions.append(definition)
        _read(source, definition.value, values, tree, dtype)


def _definition(source: ModuleSource, node: ast.Name, tree: HostTree) -> ast.Assign:
    """The only assignment of a name, or the one before ``t = t.to(device)`` in the same block."""
    bound = bindings(scope_of(source, node), node.id)
    if len(bound) != 1:
        return _definition_in_line(source, node, tree)
    if not isinstance(bound[0].node, ast.Assign) or bound[0].value is None:
        raise DeclinedError(f"{node.id} does not come from one assignment in this function")
    if bound[0].kind != "assignment" or len(bound[0].node.targets) != 1:
        raise DeclinedError(f"{node.id} is one of several names in its assignment")
    return bound[0].node


def _definition_in_line(source: ModuleSource, node: ast.Name, tree: HostTree) -> ast.Assign:
    last = statement_of(source, tree.moved)
    target = last.targets[0] if isinstance(last, ast.Assign) and len(last.targets) == 1 else None
    if not isinstance(target, ast.Name) or target.id != node.id:
        raise DeclinedError(f"{node.id} does not come from one assignment in this function")
    (definition, *others) = definitions_before(source, last, node.id)
    if others or definition not in block_of(source, last):
        raise DeclinedError(f"{node.id} is bound in a branch")
    return definition


def check_names_stay_inside(source: ModuleSource, tree: HostTree, node: ast.expr) -> None:
    """The names that would hold device tensors are used nowhere else.

    :raises DeclinedError: one is.
    """
    inside = {id(each) for part in (node, *tree.definitions) for each in ast.walk(part)}
    scope = scope_of(source, node)
    for definition in tree.definitions:
        target = definition.targets[0]
        if not isinstance(target, ast.Name):
            continue
        again = len(bindings(scope, target.id)) > 1
        uses: list[ast.Name] = (
            loads_after(source, definition)
            if again
            else [each for each in within(scope) if isinstance(each, ast.Name) and each.id == target.id]
        )
        if any(id(each) not in inside for each in uses):
            raise DeclinedError(f"{target.id} is used on the host as well")


def check_known_before(source: ModuleSource, device: ast.expr, tree: HostTree) -> None:
    """The device is known where the first factory runs, as it is where all stands in one expression.

    :raises DeclinedError: a name in it is bound later.
    """
    if not tree.definitions:
        return
    makers = sorted((*tree.makers, *tree.scalars), key=lambda each: each.lineno)
    scope = scope_of(source, device)
    stays = isinstance(device, ast.Attribute) and device.attr == "device"
    for name in read_in(device):
        found = bindings(scope, name)
        if stays and (any(each.kind == "parameter" for each in found) or _has_value(source, scope, name, makers)):
            continue  # another tensor under this name lies where the first one did
        for bound in found:
            if bound.kind != "parameter" and makers and getattr(bound.node, "lineno", 0) >= makers[0].lineno:
                raise DeclinedError(f"{name}, which names the device, is bound after the tensor is made")


def _has_value(source: ModuleSource, scope: Scope, name: str, makers: list[ast.expr]) -> bool:
    """Whether a name that the loop around the first factory binds anew has a value in front of that loop."""
    loops = (each for maker in makers[:1] for each in around(source, maker, scope) if isinstance(each, LoopStatement))
    return any(is_bound_before(source, scope, name, loop) for loop in loops)


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


def _makes_whole(call: ast.Call) -> bool:
    given = [last_name(each) for each in (*call.args, *(each.value for each in call.keywords))]
    name = last_name(call.func)
    whole = name in ("to", "type") and any(each.startswith(TO_WHOLE) for each in given)
    return name in ("long", "int", "bool") or whole


def _is_dtype(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and (
        node.attr == "dtype"
        or node.attr.startswith(("float", "int", "uint", "bool", "long", "half", "double", "bfloat"))
    )


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
