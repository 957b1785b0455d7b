"""Fill in on the device what the host sends there, where all of it is one number."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.names import last_name
from sdprof.fixes.source.reading.on_device.host_trees import RANDOM
from sdprof.fixes.source.reading.on_device.moves import move_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.model import FixMeta

META = FixMeta(
    id="fill-on-device",
    title="Fill in one number on the device instead of sending it there",
    kind="source",
    numerics="exact",
    removes=("host-to-device-in-loop",),
    order=34,
)
MOST_BYTES = 2**14
"""Of what the host looks through for one number, in one step."""


def concerns(site: SiteEvidence) -> bool:
    """Whether something small was copied to the device, another one in each step."""
    return site.kind == "H2D" and not site.identical_content and site.bytes <= MOST_BYTES * site.count


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``times.of_batch(i, n).to(d)`` → ``_filled(times.of_batch(i, n), d)``, wherever the tensor comes from.

    The host looks whether all its elements are one number, as those of a batch's time are: then the kernel that fills
    takes it along. What holds several is copied as before; whether it does is seen where the edit is tried.
    """
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    if not isinstance(node, ast.Call):
        raise DeclinedError("The copy is not made by a call in this expression")
    move = move_of(source, node, frame.values)
    if any(isinstance(each, ast.Call) and last_name(each.func) in RANDOM for each in ast.walk(move.host)):
        raise DeclinedError("Random numbers are no single one")
    dtype = f", {move.dtype_text}" if move.dtype_text else ""
    text = f"_filled({source.code(move.host)}, {move.device_text}{dtype})"
    return (
        Edit(
            fix=META.id,
            file=source.path,
            where=site.where,
            replacements=(in_place(source, node, text),),
            helpers=("_filled",),
            numerics="exact",
            proof="data",
            description="A helper fills in on the device what holds one number; what holds several is copied.",
        ),
    )
