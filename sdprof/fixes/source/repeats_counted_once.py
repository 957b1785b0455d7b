"""Count once how often a tensor's rows are repeated in all, instead of asking the device for it in each step."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Edit
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.before_loop.mask_indices import followed, made_of, name_before_loop
from sdprof.fixes.source.reading.before_loop.way_by_stack import way_by_stack
from sdprof.fixes.source.reading.calls import argument, is_plain, with_argument
from sdprof.fixes.source.reading.frames import Frame
from sdprof.fixes.source.reading.functional import torch_name
from sdprof.fixes.source.reading.names import last_name
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, keyword
from sdprof.model import FixMeta

META = FixMeta(
    id="repeats-counted-once",
    title="Count once, before the loop, how often rows are repeated that no step repeats otherwise",
    kind="source",
    numerics="exact",
    removes=("sync-in-loop",),
    order=15,
)


def concerns(site: SiteEvidence) -> bool:
    """Whether the host asked how long the result of ``repeat_interleave`` is."""
    return site.kind == "SYNC" and "repeat_interleave" in site.op


def rewrite(site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
    """``torch.repeat_interleave(x, counts)`` → ``torch.repeat_interleave(x, counts, output_size=counts_total)``.

    ``counts_total = int(counts.sum())`` stands before the loop. Where it is not known, None is given, as without.
    """
    if site.first_step_alone:
        raise DeclinedError("It happens in the first step alone: once a run, however many steps there are")
    frame = Frame(site, sources, 0)
    source, node = frame.source, frame.source.node_at(site.where)
    if not isinstance(node, ast.Call) or last_name(node.func) != "repeat_interleave":
        raise DeclinedError("The rows are not repeated by a call in this expression")
    counts = argument(node, 1 if is_torch_call(source, node) else 0, "repeats")
    if counts is None or not is_plain(node) or keyword(node, "output_size") is not None:
        raise DeclinedError("It was not seen by which counts the rows are repeated")
    if not source.has_own_text(node):
        raise DeclinedError("The place inside the f-string is not exact: repeat before it")
    way = way_by_stack(frame, counts)
    made, inverted = made_of(way[0], counts)
    if inverted:
        raise DeclinedError("It was not seen by which counts the rows are repeated")
    name = name_before_loop(way, made, "", "total")
    found = followed(way, made, name, "int | None")
    torch, imports = torch_name(way[-1].source)
    text, path = ast.unparse(found.tree), isinstance(found.tree, ast.Name | ast.Attribute)
    asked = text if path else name
    # one count for all rows is not the sum of theirs
    line = f"{name} = int({asked}.sum()) if {torch}.is_tensor({asked}) and {asked}.numel() > 1 else None"
    lines = [line] if path else [f"{name} = {text}", line]
    changed = [with_argument(source, node, f"output_size={name}")]
    done = found.made(lines, changed, "The rows that come out are counted once, before the loop", imports)
    return (done.edit(META.id, site.where),)
