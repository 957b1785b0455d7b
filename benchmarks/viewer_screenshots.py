"""Take the pictures of the viewers in docs/images, of a run.

python benchmarks/viewer_screenshots.py RUN     needs Debian's chromium, the extra perfetto, and speedscope from npm
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright
from screenshots import CHROMIUM, take

from sdprof.viewers.loopback_server import FileServer
from sdprof.viewers.perfetto import perfetto
from sdprof.viewers.speedscope import speedscope
from sdprof.viewers.tensorboard_view import tensorboard

WIDTH_PX, HEIGHT_PX = 1400, 900
LOADING_MS = 120_000
DRAWING_MS = 3000
GPU_TRACE = Path(__file__).parents[1] / "tests" / "golden" / "traces" / "h100_bert.json.gz"
"""Kernels come from a GPU; the run may be of a machine without one."""
VIEWS = {
    "Overview": "Execution Summary",
    "Operator": "Host Self Time",
    "Module": "Module View",
    "Memory": "Peak Memory Usage",
}
"""Views of the profiler plugin, and words that are there once they are drawn."""


def main() -> None:
    """Take the pictures."""
    run = Path(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        take_tensorboard(browser, run)
        take_kernels(browser)
        take_perfetto(browser, run)
        take_speedscope(browser, run)
        browser.close()


def take_tensorboard(browser: Browser, run: Path) -> None:
    """Views of the profiler plugin, and the pages of findings and variants."""
    with tensorboard(run, port=0) as announced:
        page = new_page(browser)
        page.goto(announced)
        plugin = page.frame_locator("iframe")
        for view, words in VIEWS.items():
            show(plugin, view)
            expect(plugin.get_by_text(words).first).to_be_visible(timeout=LOADING_MS)
            page.wait_for_timeout(DRAWING_MS)
            take(page, f"tensorboard-{view.lower()}")
        show(plugin, "Trace")
        trace = plugin.frame_locator("iframe")
        expect(trace.locator("tr-ui-timeline-view")).to_be_attached(timeout=LOADING_MS)
        page.wait_for_timeout(2 * DRAWING_MS)
        take(page, "tensorboard-trace")
        plugin.get_by_role("tab", name="Diff").click()
        for first, side in ((0, "before"), (3, "after")):
            for select, option in enumerate((side, "sampling_loop", "default"), first):
                choose(plugin, select, option)
        expect(plugin.get_by_text("Execution Comparsion")).to_be_visible(timeout=LOADING_MS)
        page.wait_for_timeout(DRAWING_MS)
        take(page, "tensorboard-diff")
        for tab in ("text", "hparams"):
            page.goto(f"{announced.partition('/#')[0]}/#{tab}")
            page.wait_for_timeout(DRAWING_MS)
            take(page, f"tensorboard-{tab}")


def take_kernels(browser: Browser) -> None:
    """The view of GPU kernels, of a trace that has some."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "tensorboard" / "before"
        recorded.mkdir(parents=True)
        shutil.copyfile(GPU_TRACE, recorded / "sampling_loop.pt.trace.json.gz")
        with tensorboard(Path(folder), port=0) as announced:
            page = new_page(browser)
            page.goto(announced)
            plugin = page.frame_locator("iframe")
            show(plugin, "GPU Kernel")
            expect(plugin.get_by_text("Total Time").first).to_be_visible(timeout=LOADING_MS)
            page.wait_for_timeout(DRAWING_MS)
            take(page, "tensorboard-kernel")


def show(plugin: FrameLocator, view: str) -> None:
    """Choose a view of the plugin."""
    choose(plugin, 1, view)


def choose(plugin: FrameLocator, select: int, option: str) -> None:
    """Choose an option of one of the page's lists."""
    chosen = plugin.locator(".MuiSelect-select").nth(select)
    expect(chosen).to_be_visible(timeout=LOADING_MS)
    if chosen.inner_text().strip() != option:
        chosen.click()
        plugin.get_by_role("option", name=option, exact=True).click()


def take_perfetto(browser: Browser, run: Path) -> None:
    """The trace of the loop as it was."""
    server, addresses = perfetto(run)
    with serving(server):
        page = new_page(browser)
        page.goto(addresses["before"])
        expect(page.get_by_text(re.compile(r"^python3? \d+")).last).to_be_visible(timeout=LOADING_MS)
        page.keyboard.press("Control+b")  # its menu
        page.get_by_title("Expand all").click()
        page.wait_for_timeout(3 * DRAWING_MS)
        take(page, "perfetto")


def take_speedscope(browser: Browser, run: Path) -> None:
    """The stack samples of the loop as it was."""
    server, addresses = speedscope(run)
    with serving(server):
        page = new_page(browser)
        page.goto(addresses["baseline"])
        page.wait_for_timeout(DRAWING_MS)
        take(page, "speedscope")


@contextmanager
def serving(server: FileServer) -> Iterator[None]:
    """Serve while pictures are taken."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def new_page(browser: Browser) -> Page:
    """A window of the pictures' size."""
    return browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})


if __name__ == "__main__":
    main()
