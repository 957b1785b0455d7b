"""Breaks are told by line, and a part that was not analysed is no clean pass."""

from typing import Any

from sdprof.audits.graph_breaks import audit
from sdprof.facts.facts import Facts
from sdprof.model import GraphProfile, GraphRegion, GraphSite
from tests.audits.census import place


def region(name: str, *sites: GraphSite, **fields: Any) -> GraphRegion:
    values = {"function": name, "grad": False, "graphs": 1, "breaks": len(sites), "recompiles": 0}
    return GraphRegion(name=name, sites=sites, **{**values, **fields})


def facts(*regions: GraphRegion, skipped: tuple[str, ...] = ()) -> Facts:
    return Facts(graphs=GraphProfile(regions=regions, skipped=skipped))


BREAK = GraphSite(kind="break", where=place(7), reason="print", count=2, seen_by=("explain",))


def test_one_line_is_one_finding_in_all_its_regions() -> None:
    (finding,) = audit(facts(region("sampler step", BREAK), region("whole loop", BREAK)))
    assert finding.locations == (place(7),)
    assert finding.region == "sampler step, whole loop"
    assert finding.evidence["breaks"] == 4
    assert finding.severity == "medium"


def test_a_break_that_only_training_sees_is_of_low_severity() -> None:
    (finding,) = audit(facts(region("unet", BREAK, grad=True)))
    assert finding.severity == "low"
    assert finding.region == "unet with grad"


def test_a_clean_analysis_is_a_pass() -> None:
    assert not list(audit(facts(region("unet"))))


def test_what_was_not_analysed_is_no_pass() -> None:
    for partial in (facts(region("unet"), skipped=("loop: no time",)), facts(region("unet", error="stopped"))):
        (finding,) = audit(partial)
        assert finding.severity == "info"
        assert "not every region" in finding.title
