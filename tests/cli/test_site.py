"""`weighbridge site`: catalogs are made again only where something changed."""

from __future__ import annotations

import re
from email.message import Message

import pytest

from cli import site
from suite.errors import WeighbridgeError
from tests.leaderboard.synthetic import Synthetic


@pytest.fixture
def made(monkeypatch):
    """The profiles whose catalogs were made, a list each time."""
    made = []
    monkeypatch.setattr(site, "_write_catalogs", lambda root, profiles, *_: made.append(list(profiles)) or set())
    return made


def test_catalogs_are_made_again_only_where_rows_or_code_changed(tmp_path, made, capsys):
    root, out = tmp_path / "results", tmp_path / "site"
    for profile in ("quick", "standard"):
        Synthetic(root, profile=profile, methods=2, variants=3, tasks=1).write()
    site.build(root, out, None)
    site.build(root, out, None)
    assert made == [["quick", "standard"]]
    assert "0 of" in capsys.readouterr().out.splitlines()[-2]
    next((root / "quick").glob("*/*/*.json")).touch()
    site.build(root, out, None)
    assert made[1:] == [["quick"]]
    (root / "standard/catalog.json").unlink()
    site.build(root, out, None)
    assert made[2:] == [["standard"]]
    (root / "reported").mkdir()
    (root / "reported" / "mteb.json").write_text("[]")
    site.build(root, out, None)
    assert made[3:] == [["quick", "standard"]]
    (out / "_build" / "catalogs").write_text("torn {")
    site.build(root, out, None)
    assert made[4:] == [["quick", "standard"]]


@pytest.mark.parametrize("named", [True, False])
def test_rows_of_a_model_by_name_are_looked_at_every_time(tmp_path, monkeypatch, named):
    root = tmp_path / "results"
    Synthetic(root, methods=2, variants=3, tasks=1).write()
    made = []
    monkeypatch.setattr(
        site, "_write_catalogs", lambda root, profiles, *_: made.append(profiles) or ({"quick"} if named else set())
    )
    for _ in range(2):
        site.build(root, tmp_path / "site", None)
    assert len(made) == 1 + named


def test_pages_link_to_the_repository_that_is_named(tmp_path, monkeypatch):
    root = tmp_path / "results"
    Synthetic(root, methods=2, variants=2, tasks=1).write()
    monkeypatch.setattr(site, "_write_catalogs", lambda *_: set())

    def links():
        page = (tmp_path / "site/quick/methods/method-0.html").read_text()
        return re.findall(r'<a class="repository" href="([^"]*)"', page)

    monkeypatch.setattr(site, "metadata", lambda _: Message())
    site.build(root, tmp_path / "site", None)
    assert links() == []
    monkeypatch.setenv(site.REPOSITORY, "https://example.org/of-the-variable")
    site.build(root, tmp_path / "site", None)
    assert links() == ["https://example.org/of-the-variable"]
    site.build(root, tmp_path / "site", None, repository="https://example.org/<named>")
    assert links() == ["https://example.org/&lt;named&gt;"]
    with pytest.raises(WeighbridgeError, match="is no address"):
        site.build(root, tmp_path / "site", None, repository="javascript:alert(1)")
    monkeypatch.delenv(site.REPOSITORY)
    declared = Message()
    declared["Project-URL"] = "Repository, https://example.org/declared"
    monkeypatch.setattr(site, "metadata", lambda _: declared)
    site.build(root, tmp_path / "site", None)
    assert links() == ["https://example.org/declared"]
