"""Look a number up in a table on the device, by an index on the device, without asking the host which entry it is."""

from __future__ import annotations

import ast
import math

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.on_device.brought_together import table_taken_there
from sdprof.fixes.source.reading.on_device.entries_by_place import (
    can_stay_on_device,
    first_selected,
    gathered,
    slice_of_one,
)
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.model import FixMeta

META = FixMeta(
    id="index-on-device",
    title="Look numbers up by an index on the device without reading the index",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop", "device-to-host-in-loop", "host-to-device-in-loop"),
    order=15,
)
INTEGERS = frozenset({"int64", "int32", "int16", "int8", "uint8"})


def concerns(site: SiteEvidence) -> bool:
    """Whether the host read whole numbers, or counted what a mask selects of a row."""
    if site.dtype == "bool":
        return site.kind == "SYNC" and site.op == "aten::index" and len(site.shape or ()) == 1
    one = site.shape is not None and math.prod(site.shape) == 1
    return site.dtype in INTEGERS and (site.kind == "D2H" or (site.kind == "SYNC" and one))


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``table[i]`` → ``table.take(i)``, or ``table[i.reshape(1)][0]`` where entries are no numbers.

    ``table[i]`` with a tensor of no dimensions is ``select``, which needs to know the number; ``take`` does not. The
    result is a copy of the entry, not a view of it, so it must only be read. An index out of range is an assertion of
    the device instead of an ``IndexError``.

    ``table[mask][0]`` → ``table.take(mask.int().argmax())``, the first entry of those that a mask selects; where it
    selects none, the first of all instead of an ``IndexError``.

    ``x[:, n - 1 : n]`` → ``x.index_select(1, (n - 1).reshape(1))``.

    ``table.gather(0, i.cpu())`` → ``table_on_device.gather(0, i)``: the table goes to the index, once. Of a table that
    lies on the device, ``x[rows, i.cpu()]`` → ``x[rows, i.to(x.device)]``.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    source, values = frame.source, frame.values
    node = source.node_at(site.where)
    if isinstance(node, ast.Call):
        together = table_taken_there(site, frame, node)
        return (_edit(site, source, together.changes, together.said, together.helpers),)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple | ast.Slice):
        said = "The one entry that the slice leaves is fetched on the device, where its place is known."
        return (_edit(site, source, (slice_of_one(frame, node),), said),)
    if not isinstance(node, ast.Subscript):
        raise DeclinedError("The number is not read as the index of a table")
    if site.dtype == "bool":
        said = "The first entry that the mask selects is found on the device; how many it selects is never asked."
        return (_edit(site, source, (first_selected(frame, node),), said),)
    all_at_once = gathered(frame, node)
    if all_at_once is not None:
        return (_edit(site, source, (all_at_once,), "The entries are fetched on the device all at once."),)
    if not can_stay_on_device(frame, node):
        raise DeclinedError("It was not seen that table and index lie on the device, and that the entry is only read")
    table_text, long = source.code(node.value), site.dtype == "int64"
    if len(values[table_text].shape) == 1:
        index = source.code(node.slice) if long else f"{in_parentheses(source, node.slice)}.long()"
        text = f"{table_text}.take({index})"
    else:
        text = f"{table_text}[{in_parentheses(source, node.slice)}{'' if long else '.long()'}.reshape(1)][0]"
    said = "The entry is fetched on the device, where table and index lie, and the index is never read."
    return (_edit(site, source, (in_place(source, node, text),), said),)


def _edit(
    site: SiteEvidence,
    source: ModuleSource,
    changes: tuple[Replacement, ...],
    said: str,
    helpers: tuple[str, ...] = (),
) -> Edit:
    return Edit(
        fix=META.id,
        file=source.path,
        where=site.where,
        replacements=changes,
        helpers=helpers,
        numerics="exact",
        proof="data",
        description=said,
    )
