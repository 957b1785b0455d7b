"""Numbers of the host that are written into a tensor on the device: ``x[0] = 0.5``."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.collecting.selected_entries import selected_entry
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import dotted
from sdprof.fixes.source.reading.on_device.filled_numbers import Filled
from sdprof.fixes.source.reading.on_device.host_trees import check_known_before, check_names_stay_inside, read_tree
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.host_numbers import is_number as known_number
from sdprof.fixes.source.reading.seen import Values, is_tensor
from sdprof.fixes.source.reading.tensor_calls import number_beside


def written_there(site: SiteEvidence, source: ModuleSource, target: ast.Subscript, values: Values) -> Filled:
    """``x[0] = 0.5`` → ``x[0].fill_(0.5)``; where a tensor chooses the place, the number becomes one beside ``x``.

    :raises DeclinedError: what is written is no single number, or a mask chooses the place.
    """
    statement = source.parents[target]
    if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
        raise DeclinedError("The tensor is written to together with others")
    number = statement.value
    if selected_entry(target.slice) is not None:
        raise DeclinedError("A mask selects what is written to: select-by-mask is the fix for it")
    if _is_made_mask(target.slice):
        return _mask_made_there(site, source, target, number, values)
    is_number = isinstance(number, ast.Constant) or (
        isinstance(number, ast.UnaryOp) and isinstance(number.operand, ast.Constant)
    )
    if not (is_number or is_tensor(number, values) is False) or site.bytes > 16 * site.count:
        raise DeclinedError("What is written is no single number")
    parts = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
    start, end = source.span(statement)
    if any(_lies_there(each, values) for each in parts) and dotted(target.value) is not None:
        owner = source.code(target.value)
        torch, imports = torch_name(source)
        text = number_beside(torch, source.code(number), owner)
        return Filled([in_place(source, number, text)], imports=imports)
    if not all(isinstance(each, ast.Slice | ast.Constant) or known_number(source, each, values) for each in parts):
        raise DeclinedError("The place is chosen by more than numbers of the host")
    text = f"{source.code(target)}.fill_({source.code(number)})"
    return Filled([Replacement(start=start, end=end, text=text)], said="The number is filled in on the device.")


def _lies_there(index: ast.expr, values: Values) -> bool:
    """``chosen``, or an entry of it, on the device."""
    while isinstance(index, ast.Subscript):
        index = index.value
    return is_tensor(index, values, "cuda") is True


def _is_made_mask(index: ast.expr) -> bool:
    return isinstance(index, ast.Call) and isinstance(index.func, ast.Attribute) and index.func.attr == "bool"


def _mask_made_there(
    site: SiteEvidence, source: ModuleSource, target: ast.Subscript, number: ast.expr, values: Values
) -> Filled:
    """``x[torch.eye(n).bool()] = 0.5`` → ``x[torch.eye(n, device=x.device).bool()] = 0.5``, through local names."""
    if is_tensor(target.value, values, "cuda") is not True or not known_number(source, number, values):
        raise DeclinedError("It was not seen that a number is written to a tensor on the device")
    device = ast.Attribute(target.value, "device", ast.Load())
    tree = read_tree(source, target.slice, values, target.slice)
    if tree.computes:
        raise DeclinedError("The mask is computed on the host")
    check_names_stay_inside(source, tree, target.slice)
    check_known_before(source, device, tree)
    said = "The mask is made on the device, where nothing of it has to be counted or copied."
    return Filled(tree.on_device(source, f"{source.code(target.value)}.device"), said=said)
