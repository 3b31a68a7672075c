"""A kit of hostile results: texts that want to execute, to break the page, or to get lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suite.results.catalog import (
    Catalog,
    ClaimCard,
    DataCard,
    FamilyCard,
    MethodCard,
    MetricCard,
    PaperCard,
    ReferenceRow,
    TaskCard,
    TheoryLine,
)
from suite.results.schema import CellResult, Costs, Provenance, Status
from tests.leaderboard.synthetic import Synthetic

TEXTS = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    '"><img src=x onerror=window.hacked=1>',
    "' onmouseover='window.hacked=1",
    "<!-- <script> ]]> <![CDATA[",
    "{{ 7*7 }}{% raw %}${7*7}",
    "javascript:window.hacked=1",
    "</textarea></title></style><svg onload=window.hacked=1>",
    "\u202egnp.live\u202c right to left \u05d0\u05d1\u05d2",
    "\u2028line\u2029paragraph\u0000null\u001b[31mred\u007f",
    "__proto__",
    "constructor",
    "=HYPERLINK(1)",
    "../../../../etc/passwd",
    "INDEX.HTML",
    "index",
    "x" * 50_000,
    "&lt;b&gt; &amp; %3Cscript%3E",
    "tab\tnew\nline\r\nend",
)
FAMILY = "</title><script>window.hacked=1</script>"


def write(root: Path) -> Synthetic:
    """Write a profile in which every text that a result can hold is hostile."""
    kit = Synthetic(root)
    catalog = kit.catalog = Catalog()
    catalog.families.append(FamilyCard(name=FAMILY, title=FAMILY, description=TEXTS[0]))
    catalog.metrics.append(
        MetricCard(
            name=TEXTS[2], title=TEXTS[0], better="higher", unit=TEXTS[2], format="999999999.9f", statistic="mean",
            columns=[TEXTS[2]], scale=1.0, about=TEXTS[1],
        )
    )  # fmt: skip
    for number, text in enumerate(TEXTS):
        task = f"{FAMILY}/{text}"
        status = list(Status)[number % len(Status)]
        ok = status is Status.OK
        kit.cell(
            CellResult(
                key=text,
                method=text,
                variant={text: text, "n": number},
                control=number % 7 == 0,
                task=task,
                family=FAMILY,
                profile=kit.profile,
                seed=number,
                status=status,
                reason=f"reason {number}: {text}",
                traceback=f"Traceback {text}",
                main_metric=TEXTS[2],
                scores={TEXTS[2]: 1e308, text + "2": -1e-308} if ok else {},
                costs=Costs(bytes_per_item=1e300, fitted_bytes=2**63 - 1, extra={text: 3.0}) if ok else Costs(),
                provenance=Provenance(
                    code_hash=text, engine=text, packages={text: text}, machine={"cpu": text, text: text},
                    git_revision=text, started=text, weights={text: text},
                ),
            ),
            {TEXTS[2]: np.array([1.0, 2.0, 3.0])} if ok else None,
        )  # fmt: skip
        catalog.tasks.append(
            TaskCard(
                name=task, title=text, family=FAMILY, readout=text, modality=[text], description=text,
                profiles=[kit.profile], main_metric=TEXTS[2], metrics=[TEXTS[2]], data=[text], items=number,
            )
        )  # fmt: skip
        catalog.methods.append(
            MethodCard(
                name=text, summary=text, description=text, modality=[text], readouts=[text], tags=[text], variants=[],
                source=text, paper=PaperCard(title=text, year=2026, url="javascript:window.hacked=1", arxiv=None),
            )
        )  # fmt: skip
        catalog.data.append(DataCard(name=text, title=text, licence=text, sha256=text, sources=[text]))
        catalog.claims.append(
            ClaimCard(
                method=text, statement=text, source=text, profile=kit.profile, verdict="fails", value=1.0,
                threshold=2.0, relation=text, numbers={text: 1.0}, reason=text,
            )
        )  # fmt: skip
        catalog.references.append(ReferenceRow(task=task, label=text, metric=TEXTS[2], value=0.5, source=text))
        catalog.theory.append(
            TheoryLine(task=task, label=text, x="bytes_per_item", points=[(1.0, 0.5), (1e300, 1e300)], source=text)
        )
        catalog.keys[f"{kit.profile}:{text}:{task}:99"] = text
    kit.save()
    _broken_files(root / kit.profile / "broken" / "files")
    return kit


def _broken_files(folder: Path) -> None:
    """Files that are no results at all."""
    folder.mkdir(parents=True)
    good = CellResult(
        key="k", method="m", task="broken/files", family="broken", profile="quick", seed=0, status=Status.OK,
        main_metric="a", scores={"a": 0.25},
    ).to_json()  # fmt: skip
    (folder / "nan.json").write_text(good.replace("0.25", "NaN"))
    (folder / "infinity.json").write_text(good.replace("0.25", "Infinity"))
    (folder / "cut.json").write_text(good[: len(good) // 2])
    (folder / "edited.json").write_text(good.replace("0.25", "0.99"))
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "<script>window.hacked=1<.json").write_text("{}")
    (folder / "surrogate.json").write_text('{"method": "\\ud800"}')
    (folder / "binary.json").write_bytes(b"\xff\xfe\x00\x01")
