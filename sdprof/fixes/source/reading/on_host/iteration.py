"""Which element of which table a loop variable is."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import (
    COMPREHENSIONS,
    Scope,
    around,
    bindings,
    dotted,
    last_name,
    scope_of,
    stored_names,
)

PASSES_ITEMS_ON = frozenset({"list", "tuple", "iter", "track"})


@dataclass(frozen=True)
class Element:
    """A loop variable takes the elements of ``iterable`` one after the other."""

    iterable: ast.expr
    index: str | None = None
    """Text of the position that goes with it, from ``enumerate``."""
    zipped: ast.Call | None = None
    """The ``zip`` in the loop's head that the iterable is an argument of."""
    target: ast.expr | None = None
    """The tuple that the ``zip`` is unpacked into."""
    paired: ast.Call | None = None
    """The ``itertools.pairwise`` that is all of the loop's head."""


def element_of(loop: ast.For | ast.AsyncFor, name: str, scope: Scope) -> Element | None:
    """The table that ``name`` runs through, if the head of the loop shows it."""
    return _match(loop.target, loop.iter, name, scope, Element(loop.iter), in_head=True)


def comprehended(source: ModuleSource, name: ast.Name) -> ast.expr | None:
    """What a comprehension runs through whose variable a name is; None of any other name."""
    scope = scope_of(source, name)
    for each in around(source, name, scope):
        if isinstance(each, COMPREHENSIONS):
            for part in each.generators:
                if name.id in stored_names(part.target):
                    return item_of(part.target, part.iter, name.id, scope)
    return None


def item_of(target: ast.expr, iterable: ast.expr, name: str, scope: Scope) -> ast.expr | None:
    """The table that ``name`` runs through in a comprehension."""
    element = _match(target, iterable, name, scope, Element(iterable), in_head=False)
    return element.iterable if element is not None else None


def _match(
    target: ast.expr, iterable: ast.expr, name: str, scope: Scope, so_far: Element, *, in_head: bool
) -> Element | None:
    if isinstance(iterable, ast.Name) and (wrappers := _made_by_wrappers(iterable, scope)):
        found = [_match(target, each, name, scope, so_far, in_head=False) for each in wrappers]
        first = found[0]
        if first is None or any(each is None or not _are_alike(first, each) for each in found):
            return None
        return first
    if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name | ast.Attribute) and iterable.args:
        called = last_name(iterable.func)
        if called == "enumerate":
            return _match_enumerate(target, iterable, name, scope, in_head=in_head)
        if called == "zip":
            return _match_zip(target, iterable, name, scope, so_far.index, in_head=in_head)
        if called == "pairwise":
            return _match_pairwise(target, iterable, name, so_far.index, in_head=in_head)
        if _passes_on(called):
            return _match(target, iterable.args[0], name, scope, so_far, in_head=in_head)
        if flipped(iterable) is None:
            return None
    if isinstance(target, ast.Name) and target.id == name:
        return Element(iterable, so_far.index, so_far.zipped, so_far.target)
    return None


def _match_enumerate(target: ast.expr, call: ast.Call, name: str, scope: Scope, *, in_head: bool) -> Element | None:
    if not (isinstance(target, ast.Tuple) and len(target.elts) == 2 and isinstance(target.elts[0], ast.Name)):
        return None
    index = target.elts[0].id
    start = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "start"), None)
    if start is not None:
        if not (isinstance(start, ast.Constant) and isinstance(start.value, int)):
            return None
        index = f"{index} - {start.value}" if start.value else index
    return _match(target.elts[1], call.args[0], name, scope, Element(call.args[0], index), in_head=in_head)


def _match_zip(
    target: ast.expr, call: ast.Call, name: str, scope: Scope, index: str | None, *, in_head: bool
) -> Element | None:
    if not isinstance(target, ast.Tuple) or len(target.elts) != len(call.args):
        return None
    for part, iterable in zip(target.elts, call.args, strict=True):
        if name in stored_names(part):
            beside = Element(iterable, index, call if in_head else None, target)
            return _match(part, iterable, name, scope, beside, in_head=False)
    return None


def _match_pairwise(target: ast.expr, call: ast.Call, name: str, index: str | None, *, in_head: bool) -> Element | None:
    """The first of a pair is an element of ``table[:-1]``, the second one of ``table[1:]``."""
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
        return None
    for part, lower in zip(target.elts, (None, ast.Constant(1)), strict=True):
        if isinstance(part, ast.Name) and part.id == name:
            later = ast.Subscript(call.args[0], ast.Slice(lower), ast.Load())
            return Element(later, index, target=target, paired=call if in_head and index is None else None)
    return None


def _made_by_wrappers(name: ast.Name, scope: Scope) -> list[ast.Call]:
    """The calls that a name stands for, where each only passes on the items of something else."""
    made: list[ast.Call] = []
    for each in bindings(scope, name.id):
        if each.kind != "assignment" or not isinstance(each.value, ast.Call) or not each.value.args:
            return []
        called = last_name(each.value.func)
        if called not in ("zip", "enumerate") and not _passes_on(called):
            return []
        made.append(each.value)
    return made


def _are_alike(one: Element, other: Element) -> bool:
    """``tqdm(enumerate(times))`` with a bar, ``enumerate(times)`` without: the same items at the same places."""
    return one.index == other.index and ast.dump(one.iterable) == ast.dump(other.iterable)


def _passes_on(called: str) -> bool:
    return called in PASSES_ITEMS_ON or "tqdm" in called.lower() or "progress" in called.lower()


def passed_on(iterable: ast.expr) -> ast.expr:
    """``steps`` of ``tqdm(steps, disable=True)``: what a wrapper passes the items of on."""
    while isinstance(iterable, ast.Call) and iterable.args and _passes_on(last_name(iterable.func)):
        iterable = iterable.args[0]
    return iterable


def flipped(node: ast.expr) -> ast.expr | None:
    """``sigmas`` of ``sigmas.flip(0)``, ``torch.flip(sigmas, (0,))`` and ``reversed(sigmas)``, which flips a tensor."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reversed":
        return node.args[0] if len(node.args) == 1 and dotted(node.args[0]) is not None else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "flip":
        return None
    owner = dotted(node.func.value)
    table = node.args[0] if owner in ("torch", "th") and node.args else node.func.value
    return table if dotted(table) is not None and dotted(table) not in ("torch", "th") else None


def chosen_tables(node: ast.expr) -> list[ast.expr]:
    """``sigmas`` and ``sigmas`` of ``sigmas if forward else reversed(sigmas)``; none of anything else."""
    if not isinstance(node, ast.IfExp):
        return []
    tables = [flipped(each) or each for each in (node.body, node.orelse)]
    return tables if all(map(is_table, tables)) else []


def is_table(node: ast.expr) -> bool:
    """``sigmas``, ``self.sigmas`` or a slice of one."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        node = node.value
    return dotted(node) is not None
