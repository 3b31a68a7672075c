"""`weighbridge site`: catalogs are made again only where something changed."""

from __future__ import annotations

import pytest

from cli import site
from tests.leaderboard.synthetic import Synthetic


def test_catalogs_are_made_again_only_where_rows_or_code_changed(tmp_path, monkeypatch, capsys):
    root, out = tmp_path / "results", tmp_path / "site"
    Synthetic(root, methods=2, variants=3, tasks=1).write()
    made = []

    def write(results, methods_dir, tasks_dir):
        made.append(results)
        return False

    monkeypatch.setattr(site, "_write_catalogs", write)
    site.build(root, out, None)
    site.build(root, out, None)
    assert len(made) == 1
    assert "0 of" in capsys.readouterr().out.splitlines()[-2]
    next((root / "quick").glob("*/*/*.json")).touch()
    site.build(root, out, None)
    assert len(made) == 2
    (root / "quick/catalog.json").unlink()
    site.build(root, out, None)
    assert len(made) == 3


@pytest.mark.parametrize("named", [True, False])
def test_rows_of_a_model_by_name_are_looked_at_every_time(tmp_path, monkeypatch, named):
    root = tmp_path / "results"
    Synthetic(root, methods=2, variants=3, tasks=1).write()
    made = []
    monkeypatch.setattr(site, "_write_catalogs", lambda *_: made.append(1) or named)
    for _ in range(2):
        site.build(root, tmp_path / "site", None)
    assert len(made) == 1 + named
