"""Rows of parts: selectors, labels, planning, keys, the shared pass, and the arithmetic of the whole."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from suite import composition
from suite.composition import Composed, compose, rows_of
from suite.compressing import Compressor, compressor
from suite.discovery import Catalogue, FoundMethod, Origin, scan
from suite.errors import ContractError, SelectorError
from suite.features import shared_work
from suite.method import FitData, Method, Modality, Role, label
from suite.planning import plan
from suite.profiles import profile
from suite.representations import Dense, MultiVector
from suite.selectors import matches

QUICK = profile("quick")


class Letters(Method):
    """Counts letters; how often it was asked is counted."""

    name, modality, readouts = "letters", Modality.TEXT, ("search", "compare")
    grid = {"similarity": ("cosine", "dot")}
    asked = 0

    def encode(self, items: list[str], role: Role) -> Dense:
        """(n, 8) float32."""
        type(self).asked += 1
        counts = [[text.count(letter) for letter in "abcdefgh"] for text in items]
        return Dense(np.array(counts, np.float32), self.similarity)


class Shifted(Compressor):
    """Takes the mean off, times `by`."""

    name, grid = "shifted", {"by": (1, 2)}

    def fit(self, vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """The mean."""
        return {"mean": vectors.mean(axis=0)}

    def encode(self, vectors: np.ndarray, role: Role) -> Dense:
        """(n, d) float32."""
        return self.dense((vectors - self.fitted["mean"]) * self.by)


@compressor("first-two", "The first two numbers.")
def first_two(vectors: np.ndarray) -> np.ndarray:
    """(n, 2)."""
    return vectors[:, :2]


TEXTS = ["abba", "cab", "head", "fade", "bagged", "each"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    Letters.asked = 0


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return scan()


def _fitted(method: Method) -> Method:
    method.fitted = method.fit(FitData(TEXTS), 0)
    return method


def test_a_row_is_what_its_parts_do_one_after_another() -> None:
    method = _fitted(compose([Letters, Shifted, first_two])(**{"shifted.by": 2}))
    vectors = Letters(similarity="cosine").encode(TEXTS, Role.ITEM).comparable()
    shifted = (vectors - vectors.mean(axis=0)) * 2
    expected = shifted / np.linalg.norm(shifted, axis=1, keepdims=True)
    made = method.encode(TEXTS, Role.ITEM)
    np.testing.assert_allclose(made.floats(), expected[:, :2], atol=1e-6)
    np.testing.assert_allclose(method.fitted["1.mean"], vectors.mean(axis=0), atol=1e-6)


def test_the_encoders_pass_is_made_once_for_all_rows_on_it() -> None:
    for row in ([Letters, Shifted], [Letters, first_two]):
        for by in (1, 2):
            method = compose(row)(**({"shifted.by": by} if Shifted in row else {}))
            if Shifted in row:
                _fitted(method)
            method.encode(TEXTS, Role.ITEM)
    assert Letters.asked == 1


@pytest.mark.parametrize("several", [False, True])
def test_a_pass_says_how_far_it_is_and_its_steps_are_joined(several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(Letters):
        def encode(self, items: list[str], role: Role) -> Dense | MultiVector:
            vectors = super().encode(items, role).values
            counts = [1 + len(text) % 3 for text in items]
            offsets = np.concatenate([[0], np.cumsum(counts)])
            return MultiVector(np.repeat(vectors, counts, axis=0), offsets) if several else Dense(vectors)

    told: list[tuple[int, int]] = []

    class Listener:
        total = 0

        def begin(self, kind: str, title: str, total: int, done: int) -> None:
            if title == "encoding with letters":
                self.total = total

        def advance(self, done: int) -> None:
            told.append((done, self.total))

        def progress(self, done: int, total: int) -> None: ...

        def end(self) -> None: ...

    monkeypatch.setattr(composition, "ITEMS_A_STEP", 4)
    texts = [f"{'abc' * (i % 4)} {i}" for i in range(10)]
    shared_work.listen(Listener())
    try:
        made = compose([Whole, first_two])().reference_vectors(texts, Role.ITEM)
    finally:
        shared_work.listen(None)
    assert told == [(4, 10), (8, 10), (10, 10)]
    expected = Whole(similarity="cosine").encode(texts, Role.ITEM)
    if isinstance(expected, MultiVector):
        np.testing.assert_array_equal(made.arrays()["vectors"], expected.vectors)
        np.testing.assert_array_equal(made.arrays()["offsets"], expected.offsets)
    else:
        np.testing.assert_array_equal(made.values, expected.comparable())


def test_the_similarity_of_the_encoder_is_that_of_the_row() -> None:
    method = compose([Letters, first_two])(**{"letters.similarity": "dot"})
    made = method.encode(TEXTS, Role.ITEM)
    assert made.similarity == "dot"
    assert made.floats()[0].tolist() == [2, 2]


def test_a_row_without_anything_to_fit_is_not_fitted() -> None:
    assert compose([Letters, first_two]).fit is Method.fit
    assert compose([Letters, Shifted]).fit is not Method.fit


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([Shifted, first_two], "the first part is an encoder"),
        ([Letters, Letters], "letters is not a compressor"),
        ([Letters, Shifted, Shifted], "only once"),
    ],
)
def test_parts_that_cannot_stand_in_a_row(parts: list[type[Method]], message: str) -> None:
    with pytest.raises(SelectorError, match=message):
        compose(parts)


def test_rows_of_a_selector_take_the_grid_or_what_is_asked_off_it() -> None:
    parts = [Letters, Shifted]
    assert rows_of(parts, [{}, {}]) == [{"shifted.by": 1}, {"shifted.by": 2}]
    assert rows_of(parts, [{}, {"by": "7"}]) == [{"shifted.by": 7}]
    assert rows_of(parts, [{"similarity": "dot"}, {"by": "2"}]) == [{"letters.similarity": "dot", "shifted.by": 2}]
    for wrong in ({"by": "x"}, {"of": "1"}):
        with pytest.raises(SelectorError, match="shifted"):
            rows_of(parts, [{}, wrong])
    with pytest.raises(SelectorError, match="no variant of letters"):
        rows_of(parts, [{"similarity": "hamming"}, {}])


def test_labels_and_selectors_of_rows() -> None:
    name, variant = "minilm+pca+int4", {"pca.dim": 64, "int4.clip": 0.01}
    text = label(name, variant)
    assert text == "minilm+pca[dim=64]+int4[clip=0.01]"
    for selector in (text, "minilm+pca+int4", "minilm+*", "minilm*", "*+int4", "minilm+pca[dim=6*]+*", "*[dim=64]"):
        assert matches(selector, name, variant), selector
    for selector in ("minilm", "minilm+pca", "minilm+pca[dim=32]+int4", "minilm+int4+*", "*[dim=32]"):
        assert not matches(selector, name, variant), selector
    assert not matches("minilm+*", "minilm", {})


def test_rows_are_planned_by_name_with_keys_of_all_their_parts(catalogue: Catalogue) -> None:
    selectors = ["wordllama+int8", "wordllama+pca[dim=24]", "wordllama+pca[dim=24]+int8"]
    cells = plan(catalogue, QUICK, selectors, "beir/wiki-sections-mini")
    assert {cell.label for cell in cells} == set(selectors)
    assert len({cell.key for cell in cells}) == 3
    again = plan(scan(), QUICK, "wordllama+int8", "beir/wiki-sections-mini")
    assert again[0].key == next(cell.key for cell in cells if cell.label == "wordllama+int8")


def test_what_runs_unnamed_is_what_is_declared(catalogue: Catalogue) -> None:
    for cell in plan(catalogue, QUICK, "*+*"):
        cls = cell.method.cls
        assert issubclass(cls, Composed)
        assert cls.runs(cell.variant, "quick", cell.task.task.name)
        assert not cls.runs(cell.variant, "nobody", cell.task.task.name)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("wordllama+nothing", "no compressor 'nothing'"),
        ("nobody+int8", "no encoder 'nobody'"),
        ("int8", "compressor"),
        ("int8+int4", "behind an encoder"),
        ("wordllama+pca[m=3]", "has no parameter 'm'"),
        ("wordllama+pca[dim=many]", "no int"),
        ("wordllama+int8[", "not a selector"),
    ],
)
def test_a_selector_that_names_no_row(catalogue: Catalogue, selector: str, message: str) -> None:
    with pytest.raises(SelectorError, match=message.replace("[", r"\[")):
        plan(catalogue, QUICK, selector)


def test_another_process_finds_a_row_again(catalogue: Catalogue) -> None:
    found = catalogue.by_name(["wordllama+pca[dim=24]+int8"])["wordllama+pca+int8"]
    origin = pickle.loads(pickle.dumps(found.origin))
    method = origin.load()(**next(found.cls.variants()))
    assert [type(stage).name for stage in method.stages] == ["wordllama", "pca", "int8"]


def test_every_declared_row_names_its_reference(catalogue: Catalogue) -> None:
    from suite.cards import reference

    rows = [found.cls for found in catalogue.methods.values() if issubclass(found.cls, Composed)]
    assert rows
    for cls in rows:
        for variant in cls.variants():
            own = reference(cls, variant, catalogue)
            assert own is not None
            assert own.partition("[")[0] == cls.parts[0].name


def test_an_encoder_without_dense_vectors_is_refused() -> None:
    class Streams(Letters):
        name = "streams"

        def encode(self, items: list[str], role: Role) -> object:
            from suite.representations import Bitstream

            return Bitstream([text.encode() for text in items], len(items))

    with pytest.raises(ContractError, match="streams returns Bitstream"):
        compose([Streams, first_two])().encode(TEXTS, Role.ITEM)


def test_a_method_of_a_notebook_can_be_compressed() -> None:
    here = Catalogue()
    here.methods["letters"] = FoundMethod(Letters, Path(__file__), Origin(__name__, "Letters"))
    here.compressors["shifted"] = FoundMethod(Shifted, Path(__file__), Origin(__name__, "Shifted"))
    found = here.by_name(["letters+shifted[by=3]"])["letters+shifted"]
    assert list(found.cls.variants()) == [{"shifted.by": 3}]
