"""What a rewrite is shown of operators."""

from __future__ import annotations

from sdprof.fixes.source.evidence import evidence_of
from sdprof.model import Location, OperatorCensus, OperatorSite, SeenFrame, TransferProfile, TransferSite


def test_an_operator_that_copies_from_the_host_is_left_to_the_copy() -> None:
    here, there = (
        Location(file="loop.py", line=line, column=4, end_line=line, end_column=20, function="sample")
        for line in (1, 2)
    )
    casts = tuple(
        OperatorSite(op="aten::_to_copy", where=where, calls=4, identical_content=True, same_tensors=True)
        for where in (here, there)
    )
    copy = TransferSite(
        kind="H2D", op="aten::_to_copy", where=here, count=4, bytes=64, in_loop=True, stack=(SeenFrame(where=here),)
    )
    sites = evidence_of(
        TransferProfile(device="simulated", steps=4, sites=(copy,)),
        OperatorCensus(steps=4, operators=8, sites=casts, contents_known=True),
        None,
    )
    seen = {(site.kind, site.where.line): site for site in sites}
    assert not seen["operator", 1].identical_content
    assert seen["operator", 2].identical_content
    assert seen["operator", 2].same_tensors
