"""Graph breaks that a changed loop has, and the loop as it was has not."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sdprof.model import GraphProfile, GraphRegion, GraphSite, Location


class AddedBreak(NamedTuple):
    """What TorchDynamo met in the changed loop alone."""

    where: Location
    """In the user's file; line 0 of it in what was added."""
    sentence: str


def added_breaks(before: GraphProfile | None, after: GraphProfile | None) -> tuple[AddedBreak, ...]:
    """What breaks graphs more often than before, region by region; nothing where one of the two was not analysed.

    A region that could not be analysed to its end, on either side, tells nothing: what it did not reach is not gone.

    :param after: with all places mapped back to the original files.
    """
    if before is None or after is None:
        return ()
    old = {(region.name, region.grad): region for region in before.regions}
    added: dict[tuple[str, int, str], AddedBreak] = {}
    for region in after.regions:
        known = old.get((region.name, region.grad))
        if known is None or known.error or region.error or region.calls != known.calls:
            continue
        if _count(region) > _count(known):
            for each in _newcomers(known, region):
                added.setdefault((each.where.file, each.where.line, each.sentence), each)
    return tuple(added.values())


def _breaks(region: GraphRegion) -> list[GraphSite]:
    return [site for site in region.sites if site.kind == "break"]


def _count(region: GraphRegion) -> int:
    return sum(site.count for site in _breaks(region))


def _newcomers(before: GraphRegion, after: GraphRegion) -> list[AddedBreak]:
    known = Counter({(site.where.file, site.where.line): site.count for site in _breaks(before)})
    return [
        AddedBreak(site.where, f"a graph break in {after.name} that was not there before: {site.reason}")
        for site in _breaks(after)
        if site.count > known[site.where.file, site.where.line]
    ]
