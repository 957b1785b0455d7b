"""Compute on the device what is sent to the host, put through a formula and sent back."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from msgspec.structs import replace

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.calls import without_method
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.on_device.host_trees import call_moves
from sdprof.fixes.source.reading.on_device.moves import is_to_host, move_of
from sdprof.fixes.source.reading.on_device.round_trips import beside_tables
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.fixes.source.reading.seen import device_of, is_tensor
from sdprof.model import FixMeta

META = FixMeta(
    id="stay-on-device",
    title="Compute where the numbers are, not on the host and back",
    kind="source",
    numerics="rounding",
    removes=("device-to-host-in-loop", "host-to-device-in-loop", "sync-in-loop"),
    order=10,
)
REARRANGES = frozenset({"reshape", "view", "flatten", "squeeze", "unsqueeze", "expand", "repeat", "flip", "clone"})
REARRANGES |= frozenset({"abs", "neg", "clamp", "clip", "max", "min", "float", "double", "detach", "contiguous"})
"""What rounds nothing, or says to which type."""
COMPUTES = frozenset({"exp", "log", "sqrt", "square", "pow", "sin", "cos", "tanh", "sigmoid", "sum", "mean", "cumprod"})
COMPUTES |= frozenset({"add", "sub", "mul", "div", "reciprocal", "rsqrt", "expm1", "log1p"})
FRESH = frozenset({"abs", "neg", "clamp", "clip", "max", "min", "repeat", "flip", "clone"})
NO_WAY_BACK = "What is made of the host's copy does not go back to the device in this expression"


def concerns(site: SiteEvidence) -> bool:
    """Whether something was copied to the host."""
    return site.kind == "D2H"


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``t.to("cpu").neg().exp().to(x.device)`` → ``t.neg().exp().to(x.device)``.

    On its way a tensor meets methods and arithmetic with numbers and with tensors that lie on the device. Where nothing
    but its form changes, the result is exact. Tables of the host's that it meets are kept on the device by a helper.
    """
    frame = Frame(site, sources, 0)
    node = frame.source.node_at(site.where)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        raise DeclinedError("The copy is not made by .cpu() or .to('cpu') in this expression")
    try:
        return (_alone(site, frame, node),)
    except DeclinedError as reason:
        try:
            trip = beside_tables(frame, node)
        except DeclinedError:
            raise reason from None
        said = "The tables of the host's come to the device once, where their entries are wanted."
        return (replace(_edit(site, frame, trip.changes, said, computes=trip.computes), helpers=("_on_device",)),)


def _edit(site: SiteEvidence, frame: Frame, changes: Sequence[Replacement], said: str, *, computes: bool) -> Edit:
    return Edit(
        fix=META.id,
        file=frame.source.path,
        where=site.where,
        replacements=tuple(changes),
        numerics="rounding" if computes else "exact",
        proof="arithmetic" if computes else "data",
        description=said,
    )


def _alone(site: SiteEvidence, frame: Frame, node: ast.Call) -> Edit:
    """A chain of methods and arithmetic with numbers and with tensors on the device."""
    source, values = frame.source, frame.values
    assert isinstance(node.func, ast.Attribute)
    if not is_to_host(node):
        raise DeclinedError("The copy is not made by .cpu() or .to('cpu') in this expression")
    if is_tensor(node.func.value, values, "cuda") is not True:
        raise DeclinedError("It was not seen that what is copied is a tensor on the device")
    computes = fresh = False
    inner: ast.expr = node
    while True:
        outer = source.parents[inner]
        if isinstance(outer, ast.Attribute) and isinstance(called := source.parents[outer], ast.Call):
            if called.func is not outer:
                raise DeclinedError(NO_WAY_BACK)
            if call_moves(called):
                break
            given = [*called.args, *(each.value for each in called.keywords)]
            if outer.attr not in REARRANGES | COMPUTES or any(_is_unknown(frame, each) for each in given):
                raise DeclinedError(NO_WAY_BACK)
            computes |= outer.attr in COMPUTES
            fresh |= outer.attr in COMPUTES | FRESH
            inner = called
        elif isinstance(outer, ast.UnaryOp) and isinstance(outer.op, ast.USub):
            fresh, inner = True, outer
        elif isinstance(outer, ast.BinOp) and not _is_unknown(
            frame, outer.right if outer.left is inner else outer.left
        ):
            computes = fresh = True
            inner = outer
        else:
            raise DeclinedError(NO_WAY_BACK)
    move = move_of(source, called, values)
    if device_of(move.device, values) != "cuda":
        raise DeclinedError(NO_WAY_BACK)
    if cuts_fractions(source, inner, values):
        raise DeclinedError("Fractions are cut to whole numbers: rounded otherwise, one could become its neighbour")
    change = without_method(source, node, "" if fresh else ".clone()")  # the copy had memory of its own
    said = "The formula is computed where its numbers are, which is where its result is wanted."
    return _edit(site, frame, [change], said, computes=computes)


def _is_unknown(frame: Frame, node: ast.expr) -> bool:
    """Whether an operand may be a tensor of the host's with dimensions, which no tensor on the device takes."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute)]
    tensors = [each for each in names if is_tensor(each, frame.values) is True]
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    return bool(calls) or any(is_tensor(each, frame.values, "cuda") is not True for each in tensors)
