"""Take the pictures of the viewers in docs/images, of a run.

python benchmarks/viewer_screenshots.py RUN     needs Debian's chromium and the extra perfetto
"""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from screenshots import CHROMIUM, take

from sdprof.viewers.perfetto import perfetto
from sdprof.viewers.tensorboard_view import tensorboard

WIDTH_PX, HEIGHT_PX = 1400, 900
LOADING_MS = 120_000
VIEWS = {"Overview": "Execution Summary", "Operator": "Host Self Time", "Module": "Module View"}
"""Views of the profiler plugin, and words that are there once they are drawn."""


def main() -> None:
    """Take the pictures."""
    run = Path(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        take_tensorboard(browser, run)
        take_perfetto(browser, run)
        browser.close()


def take_tensorboard(browser: Browser, run: Path) -> None:
    """Views of the profiler plugin, and the page of variants."""
    with tensorboard(run, port=0) as announced:
        page = new_page(browser)
        page.goto(announced)
        plugin = page.frame_locator("iframe")
        for view, words in VIEWS.items():
            selects = plugin.locator(".MuiSelect-select")
            expect(selects.nth(1)).to_be_visible(timeout=LOADING_MS)
            if selects.nth(1).inner_text().strip() != view:
                selects.nth(1).click()
                plugin.get_by_role("option", name=view, exact=True).click()
            expect(plugin.get_by_text(words).first).to_be_visible(timeout=LOADING_MS)
            page.wait_for_timeout(3000)
            take(page, f"tensorboard-{view.lower()}")
        page.goto(f"{announced.partition('/#')[0]}/#hparams")
        page.wait_for_timeout(3000)
        take(page, "tensorboard-hparams")


def take_perfetto(browser: Browser, run: Path) -> None:
    """The trace of the loop as it was."""
    server, addresses = perfetto(run)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = new_page(browser)
        page.goto(addresses["before"])
        process = page.get_by_text(re.compile(r"^python3? \d+")).last
        expect(process).to_be_visible(timeout=LOADING_MS)
        process.click(force=True)  # a layer with its whole name lies over it
        page.wait_for_timeout(3000)
        take(page, "perfetto")
        server.shutdown()


def new_page(browser: Browser) -> Page:
    """A window of the pictures' size."""
    return browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})


if __name__ == "__main__":
    main()
