"""Breaks that a changed loop adds are told from those that it had."""

from __future__ import annotations

import pytest

from sdprof.facts.added_breaks import added_breaks
from sdprof.model import GraphProfile, GraphRegion, GraphSite, Location


def profile(*lines: int, error: str = "", calls: int = 1, kind: str = "break") -> GraphProfile:
    sites = tuple(
        GraphSite(kind=kind, where=Location(file="/home/loop.py", line=line), reason="print", count=1) for line in lines
    )
    region = GraphRegion(
        name="step",
        function="f",
        grad=False,
        graphs=1,
        breaks=len(lines),
        recompiles=0,
        sites=sites,
        error=error,
        calls=calls,
    )
    return GraphProfile(regions=(region,))


def test_a_new_break_is_named_with_its_place() -> None:
    (added,) = added_breaks(profile(3), profile(3, 7))
    assert added.where.line == 7
    assert added.sentence == "a graph break in step that was not there before: print"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (profile(3), profile(3)),
        (profile(3), profile()),
        (profile(3), profile(4)),
        (profile(error="too long"), profile(3)),
        (profile(), profile(3, error="too long")),
        (profile(), profile(3, calls=2)),
        (profile(), profile(3, kind="recompile")),
        (None, profile(3)),
        (profile(), None),
    ],
)
def test_what_is_no_more_than_before_or_cannot_be_compared_is_none(before, after) -> None:
    assert added_breaks(before, after) == ()
