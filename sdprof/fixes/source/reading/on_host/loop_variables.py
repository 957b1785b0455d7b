"""What the variable of a loop stands for, read from a host copy of what the loop runs through."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.reading.before_loop.left_alone import is_left_alone
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop, is_invariant
from sdprof.fixes.source.reading.names import Scope, is_free, is_parameter, written_in
from sdprof.fixes.source.reading.on_host.host_copy import HostCopy, copy_name
from sdprof.fixes.source.reading.on_host.iteration import (
    Element,
    chosen_tables,
    element_of,
    flipped,
    is_table,
    passed_on,
)
from sdprof.fixes.source.reading.seen import is_tensor, value_of


def of_loop_variable(frame: Frame, name: str, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    """The variable's value on the host: by the loop's index, or by letting the loop run through a host copy as well."""
    if isinstance(loop, ast.While):
        return None
    element = element_of(loop, name, scope)
    if element is None and isinstance(loop.target, ast.Tuple):
        return _of_listed(frame, name, loop.target, loop, scope)
    if element is not None and chosen_tables(element.iterable):
        return _of_chosen(frame, name, element, loop, scope)
    if element is None or not (is_table(element.iterable) or flipped(element.iterable)):
        return None
    table = element.iterable
    if is_tensor(table, frame.values) is False:
        return None
    if not is_left_alone(frame.source, flipped(table) or table, loop, scope, taken_once=True):
        return None
    if element.index is not None and element.index.split()[0] not in _written_in_body(loop):
        return _by_index(frame, element, element.index, loop, scope)
    return _in_head(frame, name, element, loop, scope)


def _written_in_body(loop: LoopStatement) -> set[str]:
    """Names that the body of a loop binds; its target is no part of it."""
    return {name for statement in loop.body for name in written_in(statement)}


def _by_index(frame: Frame, element: Element, index: str, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    table, part = element.iterable, ""
    if flipped(table) is not None:
        return _flipped_by_index(frame, table, index, loop, scope)
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
    name = copy_name(scope, table)
    if name is None or not is_invariant(table, loop):
        return None
    code = frame.source.code(table)
    hoisted = before_loop(frame.source, loop, f"{name} = {code}.cpu()")
    return HostCopy(
        frame.source.path, [hoisted], f"{name}{part}[{index}]", said=f"{code} is read once, before the loop."
    )


def _of_chosen(frame: Frame, name: str, element: Element, loop: LoopStatement, scope: Scope) -> HostCopy | None:
    """``for i, t in enumerate(ts if forward else reversed(ts))``: what is chosen is read once, before the loop."""
    source, chosen = frame.source, element.iterable
    assert isinstance(chosen, ast.IfExp)
    steady = is_invariant(chosen, loop) and not any(isinstance(each, ast.Call) for each in ast.walk(chosen.test))
    for table in chosen_tables(chosen):
        tensor = is_tensor(table, frame.values) is True
        steady = steady and tensor and is_left_alone(source, table, loop, scope, taken_once=True)
    wished = f"{name}s_on_host"
    if not steady or element.index is None or not is_free(scope, wished):
        return None
    if element.index.split()[0] in _written_in_body(loop):
        return None
    code = source.code(chosen)
    hoisted = before_loop(source, loop, f"{wished} = ({code}).cpu()")
    said = f"What the loop runs through ({code}) is read once, before it."
    return HostCopy(source.path, [hoisted], f"{wished}[{element.index}]", said=said)


def _flipped_by_index(
    frame: Frame, backwards: ast.expr, index: str, loop: LoopStatement, scope: Scope
) -> HostCopy | None:
    table = flipped(backwards)
    name = copy_name(scope, table, "flipped_on_host") if table is not None else None
    if table is None or name is None or not is_invariant(backwards, loop):
        return None
    code = frame.source.code(backwards)
    hoisted = before_loop(frame.source, loop, f"{name} = {code}.cpu()")
    return HostCopy(frame.source.path, [hoisted], f"{name}[{index}]", said=f"{code} is read once, before the loop.")


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


def _of_listed(
    frame: Frame, name: str, target: ast.Tuple, loop: ast.For | ast.AsyncFor, scope: Scope
) -> HostCopy | None:
    """``for a, b in steps`` of a list of pairs of numbers: they are put together on the device and copied once."""
    source, listed = frame.source, passed_on(loop.iter)
    names = [each.id for each in target.elts if isinstance(each, ast.Name)]
    seen = [value_of(ast.Name(each), frame.values) for each in names]
    numbers = all(each is not None and (each.kind, each.device, each.shape) == ("tensor", "cuda", ()) for each in seen)
    alike = len({each.dtype for each in seen if each is not None}) == 1
    if not isinstance(listed, ast.Name) or len(names) != len(target.elts) or not (numbers and alike):
        return None
    copy = copy_name(scope, listed)
    wished = [f"{each}_on_host" for each in names]
    steady = is_left_alone(source, listed, loop, scope) and is_invariant(listed, loop)
    steady = steady and not is_parameter(source, listed)  # another caller may list numbers of the host's
    if copy is None or not steady or name not in names or not all(is_free(scope, each) for each in wished):
        return None
    torch, imports = torch_name(source)
    if imports:
        return None
    made = f"{torch}.stack([{torch}.stack(each) for each in {listed.id}]).cpu() if {listed.id} else []"
    (begins, ends), (start, end) = source.span(target), source.span(loop.iter)
    inner = ", ".join(names)
    changes = [
        before_loop(source, loop, f"{copy} = {made}"),
        Replacement(start=begins, end=ends, text=f"({inner}), ({', '.join(wished)})"),
        Replacement(start=start, end=start, text="zip("),
        Replacement(start=end, end=end, text=f", {copy}, strict=True)"),
    ]
    said = f"The numbers in {listed.id} are read at once, before the loop."
    return HostCopy(source.path, changes, f"{name}_on_host", said=said)


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
