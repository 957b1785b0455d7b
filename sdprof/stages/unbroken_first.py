"""Of the ways to cure one site, prefer those that leave TorchDynamo its graphs.

``torch.full((), table[i].item(), …)`` copies nothing and waits for nothing, but ``.item()`` ends a graph. Where graphs
were analysed, a fix that adds a break is rolled back whole: another way to cure the site is worth more there.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import Proposals
from sdprof.model import GraphProfile

ENDS_GRAPH = "It would read a number out of a tensor, where TorchDynamo would leave its graph"
READS = (".item()", ".tolist()")


def unbroken_first(proposals: Sequence[Proposals], graphs: GraphProfile | None, sources: Sources) -> list[Proposals]:
    """Let edits that read a number out of a tensor wait until the others of their site have failed."""
    if graphs is None or all(region.error for region in graphs.regions):
        return list(proposals)
    return [
        replace(each, edits=tuple(sorted(each.edits, key=lambda edit: adds_reads(edit, sources)))) for each in proposals
    ]


def without_reads(proposals: Sequence[Proposals], sources: Sources) -> list[Proposals]:
    """Leave out the edits that read a number out of a tensor, and say why."""
    return [
        replace(
            each,
            edits=tuple(edit for edit in each.edits if not adds_reads(edit, sources)),
            declined=(
                *each.declined,
                *(
                    Declined(fix=edit.fix, where=edit.where, reason=ENDS_GRAPH)
                    for edit in each.edits
                    if adds_reads(edit, sources)
                ),
            ),
        )
        for each in proposals
    ]


def adds_reads(edit: Edit, sources: Sources) -> bool:
    """Whether the text reads more numbers out of tensors with an edit than without."""
    text = sources.of(edit.file).text
    added = sum(each.text.count(read) for each in edit.replacements for read in READS)
    gone = sum(text[each.start : each.end].count(read) for each in edit.replacements for read in READS)
    return added > gone
