"""Every view of the profiler plugin in Chromium, without a network: it shows content, and asks nobody else for it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sdprof.viewers.profiler_plugin import STAND_INS
from sdprof.viewers.tensorboard_view import tensorboard
from tests.renderers.browser import HEIGHT, SIZES, keep_picture, launched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PLUGIN = "/data/plugin/pytorch_profiler"
SELECT = ".MuiSelect-select"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def address(viewed_run: Path) -> Iterator[str]:
    with tensorboard(viewed_run, port=0) as announced:
        yield announced.partition("/#")[0]


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The plugin's page with both runs loaded; at its end, nothing went elsewhere and nothing failed."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    opened = context.new_page()
    outside: list[str] = []
    faults: list[str] = []
    opened.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:", "blob:")) else outside.append(request.url),
    )
    opened.on("pageerror", lambda error: faults.append(str(error)))
    for _ in range(240):
        runs = context.request.get(f"{address}{PLUGIN}/runs").json()
        if not runs["loading"] and len(runs["runs"]) == 2:
            break
        time.sleep(0.25)
    opened.goto(f"{address}{PLUGIN}/index.html")
    yield opened
    assert outside == []
    assert faults == []
    context.close()


def choose(page: Page, select: int, option: str) -> None:
    chosen = page.locator(SELECT).nth(select)
    expect(chosen).to_be_visible()
    if chosen.inner_text().strip() == option:
        return
    chosen.click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(chosen).to_have_text(option)


def show(page: Page, run: str, view: str) -> None:
    choose(page, 0, run)
    choose(page, 1, view)


@pytest.mark.parametrize(
    ("run", "view", "words", "drawings"),
    [
        ("before", "Overview", "Execution Summary", "svg path, svg rect"),
        ("before", "Operator", "Host Self Time", "svg path"),
        ("before", "Memory", "Peak Memory Usage", "svg path"),
        ("before", "Module", "Module View", "svg rect"),
        ("after", "Overview", "GPU Summary", "svg path, svg rect"),
        ("after", "Operator", "Host Self Time", "svg path"),
        ("after", "GPU Kernel", "Total Time", "svg path"),
    ],
)
def test_a_view_shows_its_content(page: Page, run: str, view: str, words: str, drawings: str) -> None:
    show(page, run, view)
    expect(page.get_by_text(words).first).to_be_visible()
    expect(page.locator(drawings).first).to_be_attached()
    assert page.locator("tbody tr").count() > 0
    keep_picture(page, f"tensorboard-{view.lower().replace(' ', '-')}-{run}")


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_shows_its_content_at_every_size(page: Page, width: int, dark: bool) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme="dark" if dark else "light")
    show(page, "before", "Overview")
    expect(page.get_by_text("Execution Summary").first).to_be_visible()
    expect(page.locator("svg path, svg rect").first).to_be_attached()
    keep_picture(page, "tensorboard")


def test_the_trace_view_draws_the_trace(page: Page) -> None:
    show(page, "before", "Trace")
    trace = page.frame_locator("iframe")
    expect(trace.locator("tr-ui-timeline-view")).to_be_attached(timeout=20_000)
    expect(trace.get_by_text("thread 18189", exact=False).last).to_be_visible(timeout=20_000)
    painted = "element => [...element.querySelectorAll('canvas')].some((one) => one.width > 300 && one.height > 20)"
    assert trace.locator("body").evaluate(painted)


def test_the_difference_of_two_runs_is_drawn(page: Page) -> None:
    page.get_by_role("tab", name="Diff").click()
    for first, run in ((0, "before"), (3, "after")):
        for select, option in enumerate((run, "sampling_loop", "default"), first):
            choose(page, select, option)
    expect(page.get_by_text("Execution Comparsion")).to_be_visible(timeout=20_000)
    expect(page.locator("svg rect[fill]").first).to_be_attached()
    assert page.locator("tbody tr").count() > 0


@pytest.mark.parametrize(
    ("tab", "words"), [("text", "Attention writes its score matrices to memory"), ("hparams", "channels-last")]
)
def test_findings_and_variants_have_pages_of_their_own(page: Page, address: str, tab: str, words: str) -> None:
    page.goto(f"{address}/#{tab}")
    expect(page.get_by_text(words).first).to_be_visible(timeout=20_000)


def test_our_scripts_are_what_the_pages_load(page: Page, address: str) -> None:
    for name, (asked, script) in STAND_INS.items():
        html = page.request.get(f"{address}{PLUGIN}/{name}").text()
        assert asked.decode() not in html
        assert f'src="{script}"' in html
        assert page.request.get(f"{address}{PLUGIN}/{script}").ok
