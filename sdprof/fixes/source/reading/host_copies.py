"""A host copy of what lies on the device: made once before the loop, and read instead of the device's.

A *twin* of an expression is another expression, of the same frame, with the same value on the host. Where there is
none, the value may be made a host value at its origin: in an assignment, or in the call that hands it over.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import given_as
from sdprof.fixes.source.reading.iteration import Element, element_of, is_table
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop, is_invariant, sampling_loop
from sdprof.fixes.source.reading.names import (
    Function,
    Scope,
    bindings,
    dotted,
    is_free,
    last_name,
    read_in,
    scope_of,
    written_in,
)
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of
from sdprof.model import SeenValue

MOST_ELEMENTS = 65536
"""A table of coefficients is small; what is larger is data."""
CALLED_BY_OTHER_NAMES = frozenset({"forward", "__call__", "__init__"})
Leaf = ast.Name | ast.Attribute | ast.Subscript


@dataclass
class HostCopy:
    """What it takes to have a value on the host."""

    file: str
    replacements: list[Replacement] = field(default_factory=list)
    text: str | None = None
    """The twin; None where the value was made a host value at its origin, and its name may stay."""
    computes: bool = False
    """The host computes something that the device computed before."""
    said: str = ""


class Frame:
    """One frame of a site's stack, with its text."""

    def __init__(self, site: SiteEvidence, sources: Sources, depth: int) -> None:
        if depth >= len(site.stack):
            raise DeclinedError("The value comes from outside of the code that was seen running")
        self.site = site
        self.sources = sources
        self.depth = depth
        self.where = site.stack[depth].where
        self.values: Values = site.stack[depth].values
        self.source: ModuleSource = sources.of(self.where.file)

    def caller(self) -> Frame:
        """The frame that called this one."""
        return Frame(self.site, self.sources, self.depth + 1)

    def loop_around(self, node: ast.AST) -> LoopStatement | None:
        """The sampling loop, if the node stands in it in this frame."""
        return sampling_loop(self.source, node, self.where, self.site.loop)


def twin(frame: Frame, node: ast.expr) -> HostCopy | None:
    """An expression for the same value on the host, where the loop stands in this frame."""
    loop = frame.loop_around(node)
    if loop is None or is_tensor(node, frame.values, "cuda") is False:
        return None
    scope = scope_of(frame.source, node)
    if isinstance(node, ast.Subscript):
        return _of_entry(frame, node, loop, scope)
    if dotted(node) is None:
        return None
    if isinstance(node, ast.Name):
        bound = bindings(scope, node.id)
        inside = [each for each in bound if _is_inside(each.node, loop)]
        if len(inside) == 1 and inside[0].kind == "loop" and inside[0].node is loop:
            return _of_loop_variable(frame, node.id, loop, scope)
        if len(inside) == 1 and len(bound) == 1 and inside[0].kind in ("assignment", "unpacking"):
            return _of_alias(frame, node.id, inside[0].node, loop)
        if inside:
            return None
    return _of_table(frame, node, loop, scope)


def make_host(frame: Frame, node: ast.expr) -> HostCopy | None:
    """Make the value of a name a host value where it comes from."""
    if not isinstance(node, ast.Name):
        return None
    scope = scope_of(frame.source, node)
    bound = bindings(scope, node.id)
    assigned = [each for each in bound if each.kind in ("assignment", "unpacking")]
    parameter = any(each.kind == "parameter" for each in bound)
    if len(assigned) == 1 and not parameter and len(bound) == 1 and assigned[0].value is not None:
        value = assigned[0].value
        if assigned[0].kind == "unpacking" and isinstance(value, ast.Tuple):
            value = _unpacked(assigned[0].node, value, node.id) or value
        seen = value_of(node, frame.values)
        counts = seen is not None and _is_integer(seen) and _tensors_are_integers(value, frame.values)
        return host_operands(frame, value, counts=counts)
    if parameter and isinstance(scope, Function):
        return _from_caller(frame, scope, node.id)
    return None


def host_operands(frame: Frame, value: ast.expr, *, counts: bool = False) -> HostCopy | None:
    """Compute an expression from host values: each of its operands that has a twin, or can be made a host value.

    :param counts: it takes whole numbers to whole numbers, which come out the same on any device.
    """
    own = twin(frame, value) if isinstance(value, Leaf) else None
    if own is not None and own.text is not None:
        own.replacements.append(_in_place(frame.source, value, own.text))
        own.text = None
        return own
    found: list[HostCopy] = []
    for leaf in tensor_leaves(value, frame.values):
        copy = twin(frame, leaf)
        if copy is not None and copy.text is not None:
            copy.replacements.append(_in_place(frame.source, leaf, copy.text))
        else:
            copy = make_host(frame, leaf)
        if copy is not None:
            found.append(copy)
    if not found:
        return None
    return merged(found, computes=not (counts or isinstance(value, Leaf)))


def merged(copies: list[HostCopy], *, computes: bool) -> HostCopy | None:
    """Several copies in one file as one; None where they lie in several."""
    files = {each.file for each in copies}
    if len(files) != 1:
        return None
    replacements: list[Replacement] = []
    for each in copies:
        replacements += [one for one in each.replacements if one not in replacements]
    said = " ".join(dict.fromkeys(each.said for each in copies))
    return HostCopy(files.pop(), replacements, None, computes or any(each.computes for each in copies), said)


def tensor_leaves(node: ast.expr, values: Values) -> list[ast.expr]:
    """The largest names, attributes and entries in an expression that may be device tensors."""
    if isinstance(node, Leaf) and dotted(node) is not None:
        return [node] if is_tensor(node, values, "cuda") is not False and not _is_unseen(node, values) else []
    if isinstance(node, ast.Subscript):
        if dotted(node.value) is not None:
            if is_tensor(node.value, values) is not False and not _is_unseen(node.value, values):
                return [node]
            return tensor_leaves(node.slice, values)
        return [*tensor_leaves(node.value, values), *tensor_leaves(node.slice, values)]
    if isinstance(node, ast.Call):
        owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts: list[ast.expr] = [*owner, *node.args, *(each.value for each in node.keywords)]
    elif isinstance(node, ast.Attribute):
        parts = [node.value] if node.attr not in ("device", "dtype", "shape", "ndim") else []
    elif isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        parts = []
    else:
        parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
    return [leaf for part in parts for leaf in tensor_leaves(part, values)]


def _is_unseen(node: ast.expr, values: Values) -> bool:
    """Whether somebody looked at this frame's names and saw none like this: a module, a property, a global."""
    return bool(values) and dotted(node) not in values


def _of_table(frame: Frame, node: ast.expr, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    seen = value_of(node, frame.values)
    if seen is not None and (seen.kind != "tensor" or _elements(seen.shape) > MOST_ELEMENTS):
        return None
    if not is_invariant(node, loop) or not _comes_from_this_frame(frame, node, scope):
        return None
    name = _host_name(scope, node)
    if name is None:
        return None
    code = frame.source.code(node)
    hoisted = before_loop(frame.source, loop, f"{name} = {code}.cpu()")
    return HostCopy(frame.source.path, [hoisted], name, said=f"{code} is read once, before the loop.")


def _of_entry(frame: Frame, node: ast.Subscript, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    if dotted(node.value) is None:
        return None
    table = _of_table(frame, node.value, loop, scope)
    if table is None:
        return None
    index = frame.source.code(node.slice)
    for leaf in tensor_leaves(node.slice, frame.values):
        if is_tensor(leaf, frame.values, "cuda"):
            inner = twin(frame, leaf)
            if inner is None or inner.text is None or leaf is not node.slice:
                return None
            index = inner.text
            table.replacements += inner.replacements
    table.text = f"{table.text}[{index}]"
    return table


def _of_alias(frame: Frame, name: str, statement: ast.AST, loop: LoopStatement) -> HostCopy | None:
    """A name that stands for an entry of a table throughout an iteration."""
    if not isinstance(statement, ast.Assign):
        return None
    value = _unpacked(statement, statement.value, name)
    if not isinstance(value, Leaf):
        return None
    scope = scope_of(frame.source, statement)
    indices = read_in(value.slice) if isinstance(value, ast.Subscript) else set()
    if any(len(bindings(scope, index)) > 1 for index in indices):
        return None
    return twin(frame, value)


def _unpacked(statement: ast.AST, value: ast.expr, name: str) -> ast.expr | None:
    """What ``name`` gets of ``a, b = x, y``; the value itself of a plain assignment."""
    if not isinstance(statement, ast.Assign):
        return value
    for target in statement.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for part, given in zip(target.elts, value.elts, strict=True):
                if isinstance(part, ast.Name) and part.id == name:
                    return given
    return None


def _of_loop_variable(frame: Frame, name: str, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    if isinstance(loop, ast.While):
        return None
    element = element_of(loop, name, scope)
    if element is None or not is_table(element.iterable):
        return None
    table = element.iterable
    if is_tensor(table, frame.values) is False:
        return None
    if element.index is not None and element.index.split()[0] not in written_in_body(loop):
        return _by_index(frame, element, element.index, loop, scope)
    return _in_head(frame, name, element, loop, scope)


def written_in_body(loop: LoopStatement) -> set[str]:
    """Names that the body of a loop binds; its target is no part of it."""
    return {name for statement in loop.body for name in written_in(statement)}


def _by_index(frame: Frame, element: Element, index: str, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    table, part = element.iterable, ""
    if isinstance(table, ast.Subscript):
        bounds = table.slice
        assert isinstance(bounds, ast.Slice)
        lower = bounds.lower
        if lower is None and bounds.step is None:
            part = ""  # the end of the slice ends the loop: the index is in it
        elif isinstance(lower, ast.Constant) and isinstance(lower.value, int) and lower.value > 0 and not bounds.step:
            index = f"{index} + {lower.value}"
        else:
            part = f"[{frame.source.code(table.slice)}]"
        table = table.value
    name = _host_name(scope, table)
    if name is None or not is_invariant(table, loop):
        return None
    code = frame.source.code(table)
    hoisted = before_loop(frame.source, loop, f"{name} = {code}.cpu()")
    return HostCopy(
        frame.source.path, [hoisted], f"{name}{part}[{index}]", said=f"{code} is read once, before the loop."
    )


def _in_head(frame: Frame, name: str, element: Element, loop: ast.For | ast.AsyncFor, scope: Scope) -> HostCopy | None:
    """Let the loop run through a host copy, too."""
    source, wished = frame.source, f"{name}_on_host"
    if not is_free(scope, wished) or element.index is not None:
        return None
    if element.paired is not None:
        return _in_paired_head(frame, element, element.paired, loop, scope, wished)
    if isinstance(element.iterable, ast.Subscript) and element.iterable not in source.parents:
        return None  # of pairs that are made elsewhere
    code = source.code(element.iterable)
    if element.zipped is not None and isinstance(element.target, ast.Tuple):
        behind_target = source.span(element.target.elts[-1])[1]
        behind_iterable = source.span(element.zipped.args[-1])[1]
        changes = [
            Replacement(start=behind_target, end=behind_target, text=f", {wished}"),
            Replacement(start=behind_iterable, end=behind_iterable, text=f", {code}.cpu()"),
        ]
    elif isinstance(loop.target, ast.Name):
        behind_target, (start, end) = source.span(loop.target)[1], source.span(loop.iter)
        changes = [
            Replacement(start=behind_target, end=behind_target, text=f", {wished}"),
            Replacement(start=start, end=start, text="zip("),
            Replacement(start=end, end=end, text=f", {code}.cpu(), strict=True)"),
        ]
    else:
        return None
    return HostCopy(source.path, changes, wished, said=f"The loop runs through a host copy of {code} as well.")


def _in_paired_head(
    frame: Frame, element: Element, pairs: ast.Call, loop: ast.For | ast.AsyncFor, scope: Scope, wished: str
) -> HostCopy | None:
    """``for a, b in pairwise(t)`` → ``for (a, b), (a_on_host, b_on_host) in zip(pairwise(t), pairwise(t.cpu()))``."""
    source, target = frame.source, element.target
    if pairs is not loop.iter or not isinstance(target, ast.Tuple) or len(pairs.args) != 1:
        return None
    names = [f"{each.id}_on_host" for each in target.elts if isinstance(each, ast.Name)]
    if len(names) != 2 or not all(is_free(scope, name) for name in names):
        return None
    code, (start, end), pair = source.code(pairs.args[0]), source.span(pairs), source.span(target)
    inner = ", ".join(source.code(each) for each in target.elts)
    changes = [
        Replacement(start=pair[0], end=pair[1], text=f"({inner}), ({', '.join(names)})"),
        Replacement(start=start, end=start, text="zip("),
        Replacement(start=end, end=end, text=f", {source.code(pairs.func)}({code}.cpu()), strict=True)"),
    ]
    return HostCopy(source.path, changes, wished, said=f"The loop runs through a host copy of {code} as well.")


def _from_caller(frame: Frame, function: Function, parameter: str) -> HostCopy | None:
    caller = frame.caller()
    call = caller.source.node_at(caller.where)
    if not isinstance(call, ast.Call):
        return None
    if last_name(call.func) != function.name and function.name not in CALLED_BY_OTHER_NAMES:
        return None
    given = given_as(call, function, parameter)
    if given is None:
        return None
    found = host_operands(caller, given)
    seen = value_of(ast.Name(parameter), frame.values)
    if found is not None and not (seen is not None and _is_integer(seen)):
        found.computes = True  # what the function computes from it is computed on the host from now on
    return found


def _host_name(scope: Scope, table: ast.expr) -> str | None:
    """A name for the host copy of a table: the same for the same table, never the same for two."""
    full = dotted(table) or ""
    last = full.rpartition(".")[2].lstrip("_")
    rivals = {dotted(each) for each in ast.walk(scope) if dotted(each) and last_name(each).lstrip("_") == last}
    wished = f"{last}_on_host" if rivals <= {full} else f"{full.replace('.', '_')}_on_host"
    return wished if is_free(scope, wished) else None


def _comes_from_this_frame(frame: Frame, node: ast.expr, scope: Scope) -> bool:
    """Whether the name exists before the loop: a parameter, or bound in this scope; globals are left alone."""
    name = (dotted(node) or "").split(".")[0]
    return bool(bindings(scope, name)) or name in frame.values


def _is_inside(node: ast.AST, loop: LoopStatement) -> bool:
    return any(each is node for each in ast.walk(loop))


def _in_place(source: ModuleSource, node: ast.expr, text: str) -> Replacement:
    start, end = source.span(node)
    return Replacement(start=start, end=end, text=text)


def _elements(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _is_integer(seen: SeenValue) -> bool:
    return seen.dtype.startswith(("int", "uint", "bool"))


def _tensors_are_integers(node: ast.expr, values: Values) -> bool:
    """Whether every tensor that is known to take part holds integers."""
    leaves = tensor_leaves(node, values)
    seen = [value_of(leaf.value if isinstance(leaf, ast.Subscript) else leaf, values) for leaf in leaves]
    tensors = [each for each in seen if each is not None and each.kind == "tensor"]
    return bool(tensors) and all(map(_is_integer, tensors))
