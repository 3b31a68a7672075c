"""Take the README's pictures of the leaderboard: ``make site pictures``.

Chromium is looked for on the path; the variable WEIGHBRIDGE_CHROMIUM names another one.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE = HERE.parent / "site"
PICTURES = (
    ("leaderboard-light.png", "index.html", "light"),
    ("leaderboard-dark.png", "index.html", "dark"),
    ("charts-light.png", "standard/charts.html", "light"),
)
"""File, page, colour scheme."""


def main(site: Path = SITE) -> None:
    """Write every picture beside this file."""
    from playwright.sync_api import sync_playwright

    browser_path = os.environ.get("WEIGHBRIDGE_CHROMIUM") or shutil.which("chromium")
    if browser_path is None:
        sys.exit("Chromium is not on the path: install it, or set WEIGHBRIDGE_CHROMIUM")
    if not (site / "index.html").exists():
        sys.exit(f"{site} holds no leaderboard: run `make site` first")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name, page_name, scheme in PICTURES:
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
            page.goto((site / page_name).as_uri())
            page.locator(".chart svg").first.wait_for()
            page.screenshot(path=HERE / name)
            sys.stdout.write(f"docs/{name}\n")
        browser.close()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
