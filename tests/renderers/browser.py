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
        viewport={"width": width, "height": 900},
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
