"""What fails on the committed rows is a finding: its page says in a sentence why."""

from __future__ import annotations

import pytest

from suite.discovery import scan
from suite.paths import project_root
from suite.planning import plan
from suite.profiles import profile
from suite.results.store import ResultStore
from suite.verdicts import judged


@pytest.mark.slow
def test_every_claim_that_fails_on_committed_rows_says_why() -> None:
    scanned = scan()
    verdicts = judged(scanned, plan(scanned, profile("standard")), ResultStore(project_root() / "results"), "standard")
    assert sum(one.verdict == "holds" for one in verdicts) > 50
    assert [(one.method, one.statement) for one in verdicts if one.verdict == "fails" and not one.why] == []
