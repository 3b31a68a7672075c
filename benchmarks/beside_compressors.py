"""Ten compressors on MiniLM, from texts: ours, mteb's CompressionWrapper, BitBudget.

Every side starts cold in a process of its own. mteb encodes the texts anew for every compressor, so that ten runs are
extrapolated from one; BitBudget and we encode them once.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.beside_bitbudget import pairs
from benchmarks.beside_mteb import BACKBONE, handed_over, mteb
from benchmarks.fresh import Numbers, cores, measured, run
from benchmarks.recording import Piece
from suite.data import access
from suite.errors import DataUnavailable, WeighbridgeError
from suite.results.schema import Status

WIDTH = 384
SELECTORS = pairs(WIDTH) | {"float32": ""}


def ours(task: str, profile: str) -> Numbers:
    """Ten rows from nothing, and the seconds that each took beside the shared pass."""
    from suite.results.store import ResultStore

    labels = [f"{BACKBONE}+{selector}" if selector else BACKBONE for selector in SELECTORS.values()]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "cli", "run", "-p", profile, "-m", ",".join(labels), "-t", task, "--seeds", "0",
            "--jobs", "1", "--threads", str(cores()),
        ]  # fmt: skip
        places = {"WEIGHBRIDGE_CACHE": f"{folder}/cache", "WEIGHBRIDGE_RESULTS": f"{folder}/results"}
        seconds = run(command, **places)[0]
        rows = [row.result for row in ResultStore(Path(folder) / "results").read(profile).rows]
    if len(rows) != len(labels) or any(row.status is not Status.OK for row in rows):
        raise WeighbridgeError(f"{task}: {len(labels)} rows were asked for, and {len(rows)} came, some without scores")
    own = {f"own {row.label}": row.provenance.seconds for row in rows}
    scores = {f"ndcg@10 {row.label}": row.scores["ndcg@10"] for row in rows}
    shared = max(row.provenance.shared_seconds for row in rows)
    return {"seconds": seconds, "pass": shared, **own, **scores}


def bitbudget(data: str) -> Numbers:
    """BitBudget's run, with the weights that are packaged here; handing the data over is not in its time."""
    with tempfile.TemporaryDirectory() as folder:
        return measured(embedded_and_evaluated, handed_over(data, Path(folder)))


def embedded_and_evaluated(file: str) -> Numbers:
    """What its command `run` does with its embedder ``minilm``: batches of 64, 256 tokens, length 1."""
    import numpy as np
    from bitbudget.eval import evaluate
    from sentence_transformers import SentenceTransformer

    from methods.kit.text.minilm import ALL_MINILM_L6_V2

    data = json.loads(Path(file).read_text())
    folder = (ALL_MINILM_L6_V2.folder() / ALL_MINILM_L6_V2.path).parent
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = 256
    documents, queries = (
        np.asarray(model.encode(data[kind], batch_size=64, normalize_embeddings=True), np.float32)
        for kind in ("documents", "queries")
    )
    rows = evaluate(documents, queries, data["document_ids"], data["query_ids"], data["qrels"], list(SELECTORS))
    return {f"ndcg@10 {row['method']}": row["ndcg"] for row in rows}


def _missing(data: str) -> str | None:
    if find_spec("bitbudget") is None:
        return "bitbudget is not installed: pip install 'weighbridge[perf]'"
    try:
        access.load(data)
    except DataUnavailable as error:
        return str(error)
    return None


def _piece(name: str, task: str, data: str, profile: str) -> Piece:
    sides = {
        "ours": partial(ours, task, profile),
        "BitBudget": partial(bitbudget, data),
        "mteb": partial(mteb, data, "float32", "int8"),
    }
    return Piece(name, sides, repeats=1, skip=partial(_missing, data))


TEXTS = {
    "Wikipedia sections": _piece("texts", "beir/wiki-sections-mini", "wiki-sections-mini", "quick"),
    "SciFact": _piece("texts-scifact", "beir/scifact", "scifact", "standard"),
}
"""By title."""
