"""report.html as Chromium shows it: nothing leaves the page, nothing overflows, and it works without JavaScript."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sdprof.renderers import html
from tests.renderers.browser import SIZES, give_up, keep_picture, launched, opened
from tests.renderers.samples import SAMPLES, faster

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{name}.html" for name in SAMPLES}
    for name, path in paths.items():
        path.write_text(html.render(SAMPLES[name]()), encoding="utf-8")
    return paths


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_nothing_leaves_the_page_and_nothing_overflows(
    browser: Browser, files: dict[str, Path], sample: str, width: int, dark: bool
) -> None:
    with opened(browser, files[sample], width=width, dark=dark) as watched:
        assert overflow(watched.page) <= 0
        assert watched.page.locator("h1").is_visible()
        keep_picture(watched.page, f"report-{sample}")


@pytest.mark.parametrize("sample", ["faster", "hostile"])
def test_it_can_be_read_without_javascript(browser: Browser, files: dict[str, Path], sample: str) -> None:
    with opened(browser, files[sample], width=400, javascript=False) as watched:
        page = watched.page
        assert page.locator("svg.flame > svg").first.is_visible()
        assert page.locator("details.finding").first.locator("pre").first.is_visible()
        assert not page.locator("form.filter").first.is_visible()
        assert not page.locator("#copy-command").is_visible()
        tree = page.locator("table.tree tbody tr")
        assert tree.count() == page.locator("table.tree tbody tr:visible").count() > 1


def test_a_closed_finding_opens_without_javascript(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["huge"], javascript=False) as watched:
        closed = watched.page.locator("details.finding:not([open])").first
        element = closed.element_handle()
        closed.locator("summary").click()
        assert element is not None
        assert element.get_attribute("open") is not None


def test_the_answers_fit_the_first_screen(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        box = watched.page.locator(".tally").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name not in ("huge", "not_shown", "no_candidate")])
@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_axe_finds_no_serious_fault(
    browser: Browser, files: dict[str, Path], sample: str, width: int, dark: bool
) -> None:
    try:
        from axe_playwright_python.base import AXE_FILE_PATH
    except ImportError:
        give_up("No axe: pip install axe-playwright-python")
    with opened(browser, files[sample], dark=dark, width=width) as watched:
        # axe comes in over the debugging protocol, past the page's own policy, which stays in force.
        watched.page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
        # The frames of the flame graph are all alike: a few stand for a thousand.
        report = watched.page.evaluate("axe.run({include: ['html'], exclude: ['svg.flame > svg:nth-child(n+30)']})")
        assert report["passes"]
        serious = [
            (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
            for fault in report["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_the_filter_keeps_the_findings_with_the_words(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        page = watched.page
        page.fill("#finding-filter", "softmax sdpa")
        assert page.locator("#findings .finding:visible").count() == 1
        assert page.locator("#finding-count").inner_text() == "1 of 10"
        page.fill("#finding-filter", "")
        assert page.locator("#findings .finding:visible").count() == 10


def test_a_heading_sorts_its_table(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        page = watched.page
        table = page.locator("#operators table.sortable")
        calls = table.locator("tbody tr td:nth-child(7)")
        table.locator("thead button", has_text="Calls").first.click()
        shown = [int(text.replace(",", "").replace("–", "0")) for text in calls.all_inner_texts()]
        assert len(set(shown)) > 3
        assert shown == sorted(shown, reverse=True)
        table.locator("thead button", has_text="Calls").first.click()
        assert [int(text.replace(",", "").replace("–", "0")) for text in calls.all_inner_texts()] == sorted(shown)


def test_the_module_tree_opens_row_by_row(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        rows = watched.page.locator("table.tree tbody tr")
        outermost = watched.page.locator("table.tree tbody tr:visible").count()
        assert 1 < outermost < rows.count()
        first = watched.page.locator("table.tree .fold[aria-expanded=false]:visible").first
        first.click()
        assert watched.page.locator("table.tree tbody tr:visible").count() > outermost
        watched.page.locator(".tree-tools button").click()
        assert watched.page.locator("table.tree tbody tr:visible").count() == rows.count()


def test_a_narrow_page_shows_prose_below_the_figures_and_not_beside_them(
    browser: Browser, files: dict[str, Path]
) -> None:
    with opened(browser, files["faster"], width=400) as watched:
        for table in ("fixes", "regions", "transfers", "variants", "waterfall"):
            cells = watched.page.locator(f"table.{table} tbody tr:first-child > *:visible")
            boxes = [cell.bounding_box() for cell in cells.all()]
            assert len(boxes) > 2
            assert all(box is not None and box["x"] + box["width"] <= 400 for box in boxes), table


def test_the_flame_graph_colours_by_difference(browser: Browser, files: dict[str, Path]) -> None:
    def colours(page: Page) -> set[str]:
        rects = "[...document.querySelectorAll('#flame-before svg.flame rect')]"
        return set(page.evaluate(f"{rects}.map((rect) => getComputedStyle(rect).fill)"))

    with opened(browser, files["faster"]) as watched:
        page = watched.page
        assert not page.locator("#flame-before .difference-key").is_visible()
        by_owner = colours(page)
        page.check("#flame-before .flame-difference")
        assert page.locator("#flame-before .difference-key").is_visible()
        assert colours(page) != by_owner
        assert len(colours(page)) > 1
        assert page.locator("#flame-after svg.flame").count() == 1


def test_pictures_are_drawn(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        widths = watched.page.evaluate(
            "[...document.querySelectorAll('.triple img')].map((image) => image.naturalWidth)"
        )
        assert widths == [32, 32, 32]


def test_the_flame_graph_zooms_searches_and_obeys_the_keyboard(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        page = watched.page
        frames = page.locator("#flame-before svg.flame > svg:visible")
        before = frames.count()
        page.locator("#flame-before .flamebox").focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        zoomed = frames.count()
        assert zoomed < before
        assert "samples" in page.locator("#flame-before .flame-status").inner_text()
        page.keyboard.press("Escape")
        assert frames.count() == before
        page.fill("#flame-before .flame-search", "sample (")
        assert page.locator("#flame-before .flame-status").inner_text() == "100.0% of the samples match"
        page.click("#flame-before .flame-reset")
        frames.nth(3).click(position={"x": 2, "y": 5})
        assert frames.count() < before


def test_a_link_to_a_fix_leads_to_its_row(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        watched.page.locator(".reasons a").first.click()
        row = watched.page.locator(":target")
        assert "sdpa" in row.inner_text()


def test_a_printed_page_shows_closed_findings(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["huge"]) as watched:
        page = watched.page
        assert page.locator("details.finding:not([open])").count() > 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details.finding:not([open])").count() == 0
        page.emulate_media(media="print")
        assert not page.locator("nav").is_visible()


def test_what_printing_opened_is_closed_after_it(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        page = watched.page
        shown = "[...document.querySelectorAll('details[open], table.tree tbody tr:not([hidden])')].length"
        before = page.evaluate(shown)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(shown) > before
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(shown) == before


def test_arrow_keys_select_no_frame_that_the_zoom_hides(browser: Browser, files: dict[str, Path]) -> None:
    with opened(browser, files["faster"]) as watched:
        page = watched.page
        page.locator("#flame-before .flamebox").focus()
        for key in ("ArrowDown", "ArrowDown", "Enter", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown"):
            page.keyboard.press(key)
            assert page.locator("#flame-before svg.flame > svg.current").is_visible(), key
        assert page.evaluate("document.querySelectorAll('#flame-before svg.flame > svg[style*=none]').length") > 0


def test_where_copying_is_not_allowed_the_command_is_selected(browser: Browser, files: dict[str, Path]) -> None:
    source = escape(files["faster"].read_text(encoding="utf-8"), quote=True)
    page = browser.new_page()
    faults: list[object] = []
    page.on("pageerror", lambda fault: faults.append(fault))
    notebook = f'<iframe sandbox="allow-scripts" srcdoc="{source}" width="1200" height="900"></iframe>'
    page.route("**/*", lambda route: route.fulfill(body=notebook, content_type="text/html; charset=utf-8"))
    page.goto("http://localhost/")  # where there is a clipboard, which refuses a frame without an origin
    button = page.frame_locator("iframe").locator("#copy-command")
    button.click()
    expect(button).to_have_text("Selected")
    assert page.frames[1].evaluate("getSelection().toString().trim()") == faster().command
    assert faults == []
    page.close()
