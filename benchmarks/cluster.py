"""(g) One row over a million documents on a Ray cluster: one worker against two, from files to a stored row.

The documents are those of `benchmarks.growth`, written as a BEIR folder. The encoder is a fast one, so that what is
measured beside its pass is everything else: reading a million lines, decoding, quantising, search. Both workers are on
this machine, a core each; caches begin empty.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.fresh import Numbers, cores, run
from benchmarks.growth import corpus
from benchmarks.recording import Piece
from suite.errors import WeighbridgeError

DOCUMENTS = 1_000_000
METHOD = "wordllama+int8"
WORKERS = (1, 2)


def folder(size: int, at: Path) -> Path:
    """A BEIR folder of `size` documents."""
    data = corpus(size)
    (at / "qrels").mkdir(parents=True)
    with (at / "corpus.jsonl").open("w") as lines:
        for name, text in zip(data.document_ids, data.documents, strict=True):
            lines.write(json.dumps({"_id": name, "title": "", "text": text}) + "\n")
    with (at / "queries.jsonl").open("w") as lines:
        for name, text in zip(data.query_ids, data.queries, strict=True):
            lines.write(json.dumps({"_id": name, "text": text}) + "\n")
    judged = [f"{query}\t{document}\t1" for query, found in data.qrels.items() for document in found]
    (at / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]) + "\n")
    return at


def row(workers: int, size: int = DOCUMENTS) -> Numbers:
    """Seconds of the command and of its parts, and the most memory that the row held."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="weighbridge-cluster-") as name:
        here = Path(name)
        data = folder(size, here / "generated")
        node = {"num_cpus": 1, "memory": 6 * 2**30, "object_store_memory": 2**28}
        started = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        try:
            for _ in range(workers - 1):
                started.add_node(**node)
            started.wait_for_nodes()
            command = [
                *(sys.executable, "-m", "cli", "run", "-t", f"beir:{data}", "-m", METHOD),
                *("--results", str(here / "results"), "--executor", "ray", "--address", started.address),
                *("--memory", "5", "--memory-limit", "8", "--time-limit", "1h"),
            ]  # fmt: skip
            begun = time.perf_counter()
            run(command, WEIGHBRIDGE_CACHE=str(here / "cache"))
            seconds = time.perf_counter() - begun
        finally:
            started.shutdown()
        rows = [json.loads(file.read_text()) for file in (here / "results").rglob("*.json")]
        found = [row for row in rows if row.get("status")]
        if [row["status"] for row in found] != ["ok"]:
            raise WeighbridgeError(f"the row ended as {[(row['status'], row['reason']) for row in found]}")
        told = found[0]["provenance"]
        return {
            "seconds": seconds,
            "own": told["seconds"],
            "shared": told["shared_seconds"],
            "peak_bytes": found[0]["costs"]["peak_memory_bytes"],
        }


def _lacking() -> str | None:
    try:
        import ray  # noqa: F401
    except ImportError:
        return "Ray is not installed"
    return None if cores() >= max(WORKERS) else f"needs {max(WORKERS)} cores"


CLUSTER = Piece("cluster", {f"{count} workers": partial(row, count) for count in WORKERS}, repeats=1, skip=_lacking)
