"""A user's vectors: every format, every mistake in one line, and numbers that mean what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import suite
from suite.discovery import scan
from suite.errors import WeighbridgeError
from suite.representations import Dense, dense
from suite.vectors import collect
from suite.vectors.choosing import candidates
from suite.vectors.files import read
from suite.vectors.stacking import Stack
from suite.vectors.table import table
from suite.vectors.weighing import weigh_all

CATALOGUE = scan()


def made(n: int, dim: int = 32, seed: int = 4) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((n, dim)) * np.linspace(2, 0.3, dim)
    return values.astype(np.float32)


def write(path: Path, values: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, embeddings=values, id=np.arange(len(values)))
    elif path.suffix == ".safetensors":
        from safetensors.numpy import save_file

        save_file({"vectors": values}, path)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"id": [f"d{i}" for i in range(len(values))], "embedding": values.tolist()}), path)
    elif path.suffix == ".fvecs":
        head = np.full((len(values), 1), values.shape[1], np.int32).view(np.float32)
        np.concatenate([head, values], axis=1).astype(np.float32).tofile(path)
    else:
        lines = [json.dumps({"id": f"d{i}", "vector": row.tolist()}) for i, row in enumerate(values)]
        path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".parquet", ".fvecs", ".jsonl"])
def test_every_format_is_read(suffix: str, tmp_path: Path) -> None:
    values = made(12, 5)
    file = read(write(tmp_path / f"v{suffix}", values))
    np.testing.assert_allclose(file.floats(slice(0, 12)), values, rtol=1e-6)
    if suffix in (".parquet", ".jsonl"):
        assert file.ids is not None
        assert file.ids[3] == "d3"


def test_large_formats_are_mapped_and_not_loaded(tmp_path: Path) -> None:
    for suffix in (".npy", ".fvecs"):
        values = read(write(tmp_path / f"v{suffix}", made(12, 5))).values
        base: Any = values
        while not isinstance(base, np.memmap) and base is not None:
            base = base.base
        assert isinstance(base, np.memmap)


def _bad(name: str, folder: Path) -> Path:
    values = made(12, 5)
    path = folder / f"{name}.npy"
    if name == "nan":
        values[[3, 7]] = np.nan
    elif name == "infinite":
        values[5, 2] = np.inf
    elif name == "zero":
        values[4] = 0
    elif name == "integers":
        values = (values * 100).astype(np.int8)  # type: ignore[assignment]
    elif name == "flat":
        values = values.ravel()
    elif name == "none":
        values = values[:0]
    elif name == "objects":
        np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
        return path
    elif name == "text":
        path.write_text("not an array")
        return path
    elif name == "empty":
        path.write_bytes(b"")
        return path
    elif name == "missing":
        return path
    np.save(path, values)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan", "rows 3, 7 are NaN"),
        ("infinite", "row 5 is NaN, infinite"),
        ("zero", "row 4 is all zeros"),
        ("integers", "holds int8, not floating point"),
        ("flat", r"shape \(60,\); expected \(vectors, dimensions\)"),
        ("none", r"shape \(0, 5\)"),
        ("objects", "cannot be read"),
        ("text", "cannot be read"),
        ("empty", "the file is empty"),
        ("missing", "there is no such file"),
    ],
)
def test_a_bad_file_is_one_line(name: str, message: str, tmp_path: Path) -> None:
    file = _bad(name, tmp_path)
    with pytest.raises(WeighbridgeError, match=message) as caught:
        collect(file, made(3, 5))
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (".jsonl", "[1, 2]\n[1, 2, 3]\n", "line 2 has 3 numbers, line 1 has 2"),
        (".jsonl", "[1, 2]\nnonsense\n", "line 2 is not JSON"),
        (".jsonl", '{"text": "a"}\n', "line 1 has no list"),
        (".fvecs", "abcdefgh", "not .fvecs"),
        (".bin", "x", "no format of vectors"),
    ],
)
def test_a_bad_line_is_named(suffix: str, content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / f"v{suffix}"
    path.write_text(content)
    with pytest.raises(WeighbridgeError, match=message):
        read(path)


def test_vectors_of_two_encoders_are_refused() -> None:
    with pytest.raises(WeighbridgeError, match="queries has 6 dimensions and documents has 5"):
        collect(made(20, 5), made(3, 6))
    with pytest.raises(WeighbridgeError, match="too few to hold queries out"):
        collect(made(5, 5))
    with pytest.raises(WeighbridgeError, match="similarity is one of"):
        collect(made(20, 5), similarity="hamming")


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_float16_keeps_nearly_everything_and_float32_is_the_truth(similarity: str) -> None:
    frame = suite.weigh(made(400), made(20, seed=5), compressors="float16,truncated[dim=8]", similarity=similarity)
    assert frame.compressor.tolist() == ["float32", "float16", "truncated[dim=8]"]
    assert frame["overlap@10"][0] == frame["overlap@100"][0] == 1
    assert frame["overlap@10"][1] > 0.98
    assert frame["overlap@10"][2] < frame["overlap@10"][1]
    assert frame.bytes.tolist() == [128, 64, 32]
    assert frame.kept[0] == 100
    assert frame.kept_low[2] < frame.kept[2] < frame.kept_high[2]


def test_held_out_queries_are_no_documents() -> None:
    collection = collect(made(200))
    assert len(collection) == 180
    assert len(collection.queries) == 20
    assert collection.rows is not None
    documents = collection.block(slice(0, 180))
    assert (collection.queries @ documents.T).max() < 0.9999


def test_overlap_is_what_a_plain_search_counts() -> None:
    documents, queries = made(300), made(25, seed=6)
    (_, one) = weigh_all(collect(documents, queries), candidates(CATALOGUE, "truncated[dim=6]"))
    exact = np.argsort(-_cosines(queries, documents), axis=1)[:, :10]
    short = np.argsort(-_cosines(queries[:, :6], documents[:, :6]), axis=1)[:, :10]
    expected = np.array([len(set(a) & set(b)) / 10 for a, b in zip(exact, short, strict=True)])
    # Truncation after normalisation is truncation before it: the length of the whole cancels.
    np.testing.assert_allclose(one.items["overlap@10"], expected)


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def test_judgements_give_ndcg_as_trec_eval_does(tmp_path: Path) -> None:
    import pytrec_eval

    documents, queries = made(150), made(12, seed=6)
    generator = np.random.default_rng(3)
    qrels = {
        str(q): {str(d): int(generator.integers(0, 3)) for d in generator.choice(150, 12, replace=False)}
        for q in range(12)
    }
    path = tmp_path / "qrels.tsv"
    lines = [f"{q}\t{d}\t{g}" for q, found in qrels.items() for d, g in found.items()]
    path.write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines))
    (whole,) = weigh_all(collect(documents, queries, path), [])
    scores = _cosines(queries, documents)
    run = {str(q): {str(d): float(scores[q, d]) for d in np.argsort(-scores[q])[:100]} for q in range(12)}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100"}).evaluate(run)
    np.testing.assert_allclose(whole.items["ndcg@10"], [expected[str(q)]["ndcg_cut_10"] for q in range(12)], atol=1e-6)
    np.testing.assert_allclose(
        whole.items["recall@100"], [expected[str(q)]["recall_100"] for q in range(12)], atol=1e-6
    )


def test_judgements_of_nothing_here_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeighbridgeError, match="row numbers, since the files hold no ids"):
        collect(made(30), made(3), {"query": {"document": 1}})
    path = tmp_path / "qrels.tsv"
    path.write_text("0\t1\t1\n0 nonsense\n")
    with pytest.raises(WeighbridgeError, match="line 2 is not"):
        collect(made(30), made(3), path)


def test_what_cannot_be_fitted_is_a_line_and_stops_nothing() -> None:
    frame = suite.weigh(made(200), made(5), compressors="pq[m=5],int8")
    assert "m=5 does not divide 32 dimensions" in frame.reason[1]
    assert frame["overlap@10"][2] > 0.8


def test_selectors_choose_usual_settings_or_what_is_asked() -> None:
    def labels(text: str | None) -> list[str]:
        return [one.label for one in candidates(CATALOGUE, text)]

    assert labels("int8,pca[dim=24],truncated[dim=9]+int8") == ["int8", "pca[dim=24]", "truncated[dim=9]+int8"]
    assert set(labels("fp8*")) == {"fp8-e4m3", "fp8-e5m2"}
    dense = {name for name, found in CATALOGUE.compressors.items() if found.cls.reads == "dense"}  # type: ignore[attr-defined]
    assert {label.partition("[")[0] for label in labels(None)} == dense - {"lsq"}
    assert labels("lsq") == ["lsq[m=16]"], "too slow to be usual, and weighed when it is named"
    with pytest.raises(WeighbridgeError, match="several vectors an item; a file holds one"):
        labels("token-pooled")
    with pytest.raises(WeighbridgeError, match="no compressor 'nothing'"):
        labels("nothing")


def test_blocks_are_put_together_as_if_encoded_at_once() -> None:
    """Every compressor of one dense vector, in blocks of uneven size."""
    vectors = made(70)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for one in candidates(CATALOGUE, "int8,two-bit,binary,pq[m=4],rabitq[bits=3],turboquant[bits=2],rescored,bfloat16"):
        (cls, variant) = one.parts[0]
        method: Any = cls(**variant)
        method.fitted = method.fit(vectors, 0)
        stack = Stack(70)
        for rows in (slice(0, 40), slice(40, 70)):
            stack.add(method.encode(vectors[rows], suite.Role.DOCUMENT))
        whole = method.encode(vectors, suite.Role.DOCUMENT)
        for name, array in stack.whole().arrays().items():
            np.testing.assert_allclose(
                array.astype(float), whole.arrays()[name].astype(float), rtol=1e-5, err_msg=one.label
            )


def test_vectors_too_many_to_keep_are_searched_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hits, whether vectors are decoded once or block by block."""
    documents, queries = made(500), made(9, seed=8)
    for one in candidates(CATALOGUE, "float16,int8,int4,binary,pq[m=4],rabitq[bits=2],optimised-scalar[bits=1]"):
        hits = []
        for kept in (2**28, 100):
            monkeypatch.setattr(dense, "VALUES_KEPT", kept)
            cls, variant = one.parts[0]
            method: Any = cls(**variant)
            method.fitted = method.fit(documents, 0)
            made_of = method.encode(documents, suite.Role.DOCUMENT)
            hits.append(made_of.search(method.encode(queries, suite.Role.QUERY), 10))
        assert (hits[0].indices == hits[1].indices).mean() > 0.97, one.label
        np.testing.assert_allclose(hits[0].scores, hits[1].scores, rtol=1e-4, atol=1e-4)


def test_the_front_and_the_sentence() -> None:
    weighed = list(
        weigh_all(collect(made(400), made(60, seed=9)), candidates(CATALOGUE, "int8,truncated[dim=4],binary"))
    )
    said = table(weighed, budget=8)
    front = {line.compressor for line in said.lines if line.pareto}
    assert "int8" in front
    assert said.sentence.startswith("At 8 bytes binary")
    assert "significant" in said.sentence
    assert "is binary" in table(weighed, budget=1).sentence
    for line in said.lines:
        value = line.scores[said.main][0]
        dominated = any(
            (o.bytes <= line.bytes and o.scores[said.main][0] > value)
            or (o.bytes < line.bytes and o.scores[said.main][0] >= value)
            for o in said.lines
        )
        assert line.pareto is not dominated


def test_dense_vectors_of_foreign_types_survive_being_stored(tmp_path: Path) -> None:
    import ml_dtypes

    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        values = Dense(made(5).astype(getattr(ml_dtypes, name)))
        values.save(tmp_path / name)
        again = Dense.load(tmp_path / name)
        assert again.values.dtype == values.values.dtype
        np.testing.assert_array_equal(again.floats(), values.floats())
