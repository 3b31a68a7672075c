"""(a) One cell, and (b) ten methods on one backbone, beside mteb's `evaluate` on the same data and weights.

Every side starts cold, in processes of its own: imports, reading and checking the data, encoding, search, metrics and
storing are all in its time. Ours also times single queries and encodes a few items twice; mteb does neither.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.fresh import Numbers, cores, measured, run
from benchmarks.recording import Piece
from suite.data import access
from suite.errors import DataUnavailable, WeighbridgeError
from suite.results.schema import CellResult, Status

BACKBONE = "minilm"
TEN = (
    BACKBONE, "minilm+int8", "minilm+binary[threshold=mean,query=bits]", "minilm+binary[threshold=mean,query=float]",
    "minilm+pca[dim=128]", "minilm+pca[dim=64]", "minilm+pca[dim=32]", "minilm+pq[m=48]", "minilm+pq[m=96]",
    "minilm+opq[m=48]",
)  # fmt: skip


def ours(task: str, profile: str) -> Numbers:
    """One cell from nothing, then the other nine on what it left."""
    with tempfile.TemporaryDirectory() as folder:
        one = _run(Path(folder), BACKBONE, task, profile)
        nine = _run(Path(folder), ",".join(TEN), task, profile)
        rows = {row.label: row for row in _rows(Path(folder), profile)}
    if not_ok := [label for label in TEN if label not in rows or rows[label].status is not Status.OK]:
        raise WeighbridgeError(f"{task}: no scores of {', '.join(not_ok)}")
    row = rows[BACKBONE]
    return {
        "one": one,
        "ten": one + nine,
        "ndcg@10": row.scores["ndcg@10"],
        "within_the_cell": row.provenance.seconds + row.provenance.shared_seconds,
        "items_a_second": row.costs.encode_items_per_second or 0.0,
    }


def _run(folder: Path, methods: str, task: str, profile: str) -> float:
    command = [
        sys.executable, "-m", "cli", "run", "-p", profile, "-m", methods, "-t", task, "--seeds", "0",
        "--jobs", "1", "--threads", str(cores()),
    ]  # fmt: skip
    places = {"WEIGHBRIDGE_CACHE": str(folder / "cache"), "WEIGHBRIDGE_RESULTS": str(folder / "results")}
    return run(command, **places)[0]


def _rows(folder: Path, profile: str) -> list[CellResult]:
    from suite.results.store import ResultStore

    return [row.result for row in ResultStore(folder / "results").read(profile).rows]


def mteb(data: str, precision: str, compressed: str = "") -> Numbers:
    """Run `evaluate` with sentence-transformers on a data set of ours; handing the data over is not in its time."""
    with tempfile.TemporaryDirectory() as folder:
        return measured(evaluate, handed_over(data, Path(folder)), precision, compressed)


def handed_over(data: str, folder: Path) -> str:
    """A file with a data set of ours."""
    file = folder / "data.json"
    file.write_text(json.dumps(asdict(access.load(data))))
    return str(file)


def evaluate(file: str, precision: str, compressed: str = "") -> Numbers:
    """What the fresh process does: as mteb's documentation says, with the weights that are packaged here.

    `compressed` is what its `CompressionWrapper` stores instead of float32, if anything.
    """
    import mteb
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
    from sentence_transformers import SentenceTransformer

    from methods.kit.text.minilm import ALL_MINILM_L6_V2

    data: dict[str, Any] = json.loads(Path(file).read_text())

    class Local(AbsTaskRetrieval):  # type: ignore[misc]
        metadata = mteb.get_task("SciFact").metadata

        def load_data(self, **_: object) -> None:
            split = RetrievalSplitData(
                corpus=Dataset.from_dict({"id": data["document_ids"], "text": data["documents"]}),
                queries=Dataset.from_dict({"id": data["query_ids"], "text": data["queries"]}),
                relevant_docs=data["qrels"],
                top_ranked=None,
            )
            self.dataset = {"default": {"test": split}}
            self.data_loaded = True

        def task_specific_scores(self, scores: Any, *_: object, **__: object) -> dict[str, float]:
            return {"exact": fmean(score["ndcg_cut_10"] for score in scores.values())}

    folder = (ALL_MINILM_L6_V2.folder() / ALL_MINILM_L6_V2.path).parent
    arguments = {} if precision == "float32" else {"dtype": precision}
    model: Any = SentenceTransformer(str(folder), device="cpu", model_kwargs=arguments)
    if compressed:
        wrapped = mteb.models.SentenceTransformerEncoderWrapper(model)
        model = mteb.models.CompressionWrapper(wrapped, mteb.types.OutputDType(compressed))
    (result,) = mteb.evaluate(model, [Local()], cache=None, show_progress_bar=False).task_results
    return {"ndcg@10": result.scores["test"][0]["exact"]}


def _no_scifact() -> str | None:
    try:
        access.load("scifact")
    except DataUnavailable as error:
        return str(error)
    return None


WIKIPEDIA = Piece(
    "mteb",
    {
        "mteb": partial(mteb, "wiki-sections-mini", "float32"),
        "mteb in bfloat16": partial(mteb, "wiki-sections-mini", "bfloat16"),
        "ours": partial(ours, "beir/wiki-sections-mini", "quick"),
    },
)
SCIFACT = Piece(
    "scifact",
    {
        "mteb": partial(mteb, "scifact", "float32"),
        "ours": partial(ours, "beir/scifact", "standard"),
    },
    repeats=1,
    skip=_no_scifact,
)
