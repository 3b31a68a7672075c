"""A browser for the pages; a page that logs an error or asks for anything outside its files fails its test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from leaderboard.build import build_site
from tests.leaderboard import hostile
from tests.leaderboard.synthetic import Synthetic

CHROMIUM = os.environ.get("WEIGHBRIDGE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """A site of two profiles of made-up results."""
    root, out = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("site")
    Synthetic(root).write()
    Synthetic(root, tasks=1, methods=3, profile="standard").write()
    build_site(root, out, ["quick", "standard"])
    return out


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory) -> Path:
    """A site of hostile results."""
    root, out = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("hostile-site")
    hostile.write(root)
    build_site(root, out)
    return out


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open pages; at the end, every error they logged and every request that left them is a failure."""
    contexts, wrong = [], []

    def open_one(path: Path, fragment: str = "", **options):
        context = chromium.new_context(**{"accept_downloads": True, "reduced_motion": "reduce"} | options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url),
        )
        page.goto(path.as_uri() + fragment)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []
