"""The charts that stand in for those of the network, by themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from sdprof.viewers.profiler_plugin import ASSETS
from tests.renderers.browser import launched

pytestmark = pytest.mark.browser
WIDTH_PX = 800
CALLS = 40_000
DRAW = """
(calls) => {
  const table = new google.visualization.DataTable();
  for (const [type, id] of [["string", "Layer"], ["string", "Name"], ["number", "Start"], ["number", "End"]])
    table.addColumn({ type, id });
  table.addColumn({ type: "string", role: "tooltip" });
  table.addRow(["0", "all", 0, calls, "<b>all</b> of them"]);
  for (let call = 0; call < calls; call++) table.addRow(["1", `call_${call}`, call, call + 1, `<b>${call}</b>`]);
  new google.visualization.Timeline(document.getElementById("chart")).draw(table, { height: 80 });
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    opened = browser.new_page()
    opened.set_content(f'<div id="chart" style="width: {WIDTH_PX}px"></div>')
    opened.add_script_tag(path=str(ASSETS / "charts.js"))
    yield opened
    opened.close()


def test_a_timeline_draws_no_more_calls_than_a_screen_can_show(page: Page) -> None:
    page.evaluate(DRAW, CALLS)
    boxes = page.locator("#chart rect[y='40']").evaluate_all("boxes => boxes.map(box => Number(box.getAttribute('x')))")
    assert {int(x) for x in boxes} == set(range(WIDTH_PX)), "every column that a call falls into shows one"
    assert len(boxes) <= 2 * WIDTH_PX


def test_a_call_tells_what_it_is_where_one_points_at_it(page: Page) -> None:
    page.evaluate(DRAW, 10)
    assert page.locator("#chart title").count() == 0
    page.locator("#chart rect").first.hover()
    assert page.locator("#chart title").all_text_contents() == ["all of them"]
    page.mouse.move(0, 500)
    page.locator("#chart rect").first.hover()
    assert page.locator("#chart title").count() == 1
