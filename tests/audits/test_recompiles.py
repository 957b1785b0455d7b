"""One finding a line, with all guards and regions that made it compile again."""

from sdprof.audits.recompiles import audit
from sdprof.facts.facts import Facts
from sdprof.model import GraphProfile, GraphRegion, GraphSite
from tests.audits.census import place


def site(reason: str, line: int = 7) -> GraphSite:
    return GraphSite(kind="recompile", where=place(line), reason=reason, count=2)


def region(name: str, *sites: GraphSite, grad: bool = False) -> GraphRegion:
    return GraphRegion(
        name=name, function=name, grad=grad, graphs=3, breaks=0, recompiles=len(sites), calls=4, sites=sites
    )


def test_a_line_is_told_once() -> None:
    regions = (region("step", site("index == 3")), region("loop", site("index == 2"), site("len(x) == 1", 9)))
    findings = list(audit(Facts(graphs=GraphProfile(regions=regions))))
    assert [finding.locations[0].line for finding in findings] == [7, 9]
    assert findings[0].region == "step, loop"
    assert findings[0].evidence["guards"] == "index == 3; index == 2"
    assert findings[0].evidence["recompiles"] == "2 in 4 calls of step; 2 in 4 calls of loop"


def test_with_grad_alone_it_is_of_low_severity() -> None:
    profile = GraphProfile(regions=(region("unet", site("x"), grad=True),))
    (finding,) = audit(Facts(graphs=profile))
    assert finding.severity == "low"
