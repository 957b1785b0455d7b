"""Make the pictures in docs/images again, of the sample report.

python benchmarks/screenshots.py [REPORT.html]     default: reports/sample/report.html; needs Debian's chromium
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

REPOSITORY = Path(__file__).parents[1]
IMAGES = REPOSITORY / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
WIDTH_PX, HEIGHT_PX = 1200, 820
SECTIONS = {"findings": "findings", "flame-graphs": "flame", "graph-breaks": "graphs", "rounds": "rounds"}
"""Picture to section."""


def main() -> None:
    """Take the pictures."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "reports" / "sample" / "report.html"
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme=scheme)
            page.goto(report.resolve().as_uri())
            take(page, f"report-{scheme}")
            if scheme == "light":
                for name, section in SECTIONS.items():
                    page.evaluate(f"document.getElementById('{section}').scrollIntoView()")
                    take(page, name)
        narrow = browser.new_page(viewport={"width": 400, "height": HEIGHT_PX})
        narrow.goto(report.resolve().as_uri())
        take(narrow, "report-narrow")
        browser.close()


def take(page: Page, name: str) -> None:
    """What the window shows."""
    page.wait_for_timeout(300)
    page.screenshot(path=str(IMAGES / f"{name}.png"))
    print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
