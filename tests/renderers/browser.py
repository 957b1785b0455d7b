"""A headless Chromium for tests that look at the page, and what it noticed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
SIZES = [(1400, False), (1400, True), (400, False), (400, True)]
"""(width in pixels, dark): what the pages are looked at in."""
HEIGHT = 900


def give_up(reason: str) -> None:
    """Skip, or fail where the browser tests were asked for."""
    if os.environ.get("SDPROF_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason} (SDPROF_REQUIRE_BROWSER=1)")
    pytest.skip(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    """Debian's Chromium, or the one that Playwright installed."""
    executable = next((place for place in PLACES if Path(place).exists()), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        except Error as error:
            give_up(f"No Chromium: apt-get install chromium ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


def keep_picture(page: Page, name: str) -> None:
    """Leave what the window shows in the folder that SDPROF_SCREENSHOTS names, for people to look at."""
    folder = os.environ.get("SDPROF_SCREENSHOTS")
    if folder:
        size = page.viewport_size or {}
        scheme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        page.screenshot(path=Path(folder) / f"{name}-{size.get('width')}-{scheme}.png")


@dataclass
class Watched:
    """A page and what went wrong or out while it was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def opened(
    browser: Browser, file: Path, *, width: int = 1400, dark: bool = False, javascript: bool = True
) -> Iterator[Watched]:
    """The file in a page of its own; the network is cut, and every attempt to use it is noted."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        reduced_motion="reduce",
    )
    watched = Watched(context.new_page())
    address = file.as_uri()
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("dialog", lambda dialog: (watched.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    watched.page.goto(address)
    yield watched
    assert watched.requests == [address]
    assert watched.complaints == []
    context.close()
