import re
import xml.etree.ElementTree as ElementTree

import msgspec

from sdprof.model import Location, Transfers
from sdprof.renderers.html.step_timeline import step_timeline
from tests.renderers.samples import transfers


def marks(both: Transfers) -> list[tuple[float, str, str]]:
    """(place from left in percent, css class, tooltip) of every mark, from left to right."""
    drawn = step_timeline(both, lambda where: f"line {where.line}")
    assert drawn is not None
    root = ElementTree.fromstring(str(drawn))
    return sorted(
        (float((mark.get("x") or "").rstrip("%")), mark.get("class") or "", "".join(mark.itertext()))
        for mark in root.iter("rect")
    )


def test_a_mark_stands_where_in_the_step_it_was_seen() -> None:
    seen = marks(transfers())
    assert [css for _, css, _ in seen] == ["cell before", "cell after", "cell before", "cell after", "cell before"]
    places = [place for place, _, _ in seen]
    assert places == sorted(places)
    assert places[0] < 5 < 90 < places[1]
    assert re.search(r"before: aten::_to_copy at line 44, 1% into the step", seen[0][2])


def test_what_lies_outside_of_the_loop_has_no_mark() -> None:
    assert not any("tables" in told or "line 20" in told for _, _, told in marks(transfers()))


def test_without_moments_there_is_nothing_to_draw() -> None:
    both = transfers()
    assert both.baseline is not None
    old = tuple(msgspec.structs.replace(site, moments=()) for site in both.baseline.sites)
    bare = Transfers(baseline=msgspec.structs.replace(both.baseline, sites=old))

    def place(where: Location) -> str:
        raise AssertionError(where)

    assert step_timeline(bare, place) is None
    assert step_timeline(None, place) is None
