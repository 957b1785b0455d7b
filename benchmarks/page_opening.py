"""How long a page takes from being opened to being painted, in headless Chromium.

python benchmarks/page_opening.py REPORT.html… [--times 5]      needs Debian's chromium
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
"""Milliseconds since the navigation began, once the frame after the next one is due: the first was painted then."""


def main() -> None:
    """Open each page several times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for file in options.pages:
            found: list[float] = []
            for _ in range(options.times):
                page = browser.new_page(viewport={"width": 1400, "height": 900})
                page.goto(file.resolve().as_uri())
                found.append(page.evaluate(PAINTED))
                page.close()
            print(f"{file} ({file.stat().st_size / 1e3:.0f} kB): {', '.join(f'{ms:.0f}' for ms in found)} ms")
        browser.close()


if __name__ == "__main__":
    main()
