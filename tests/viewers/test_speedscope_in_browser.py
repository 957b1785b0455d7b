"""speedscope's page, where its files are installed, opens the run's stack samples from this machine alone."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from sdprof.viewers.speedscope import speedscope
from tests.renderers.browser import HEIGHT, SIZES, keep_picture, launched

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def sampled_run(tmp_path: Path) -> Path:
    """One thread, two frames, three samples of 10 ms, in the form that py-spy writes."""
    stacks = tmp_path / "artifacts" / "baseline"
    stacks.mkdir(parents=True)
    profile = {
        "type": "sampled",
        "name": 'Process 1 Thread 2 "MainThread"',
        "unit": "seconds",
        "startValue": 0.0,
        "endValue": 0.03,
        "samples": [[0], [0, 1], [0, 1]],
        "weights": [0.01, 0.01, 0.01],
    }
    frames = [{"name": name, "file": "loop.py", "line": line, "col": None} for name, line in (("run", 3), ("step", 9))]
    (stacks / "stacks.speedscope.json").write_bytes(
        msgspec.json.encode(
            {
                "$schema": "https://www.speedscope.app/file-format-schema.json",
                "profiles": [profile],
                "shared": {"frames": frames},
                "activeProfileIndex": None,
                "exporter": "py-spy@0.4",
                "name": "py-spy profile",
            }
        )
    )
    return tmp_path


@pytest.mark.skipif(shutil.which("speedscope") is None, reason="npm install -g speedscope")
@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_opens_the_samples_and_asks_nobody_else(browser: Browser, sampled_run: Path, width: int, dark: bool) -> None:
    server, addresses = speedscope(sampled_run)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if dark else "light")
        outside: list[str] = []
        own = (server.address, "data:", "blob:")
        page.route(
            lambda url: not url.startswith(own), lambda route: (outside.append(route.request.url), route.abort())
        )
        page.goto(addresses["baseline"])
        expect(page.get_by_text("Sandwich")).to_be_visible()
        page.keyboard.press("3")  # the sandwich: the one of its views that is text
        expect(page.get_by_text("step", exact=True)).to_be_visible(timeout=20_000)
        expect(page.get_by_text("20.00ms (67%)").first).to_be_visible()
        keep_picture(page, "speedscope")
        server.shutdown()
    assert outside == []
