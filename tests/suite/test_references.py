"""The reference of a variant: the label of the uncompressed variant that it is a smaller form of."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.cards import reference
from suite.discovery import Catalogue, FoundMethod, Origin
from suite.method import Method, Modality
from suite.representations import Dense


class Whole(Method):
    """The uncompressed one."""

    name, modality, grid = "whole", Modality.TEXT, {"precision": ("bfloat16", "float32")}

    def encode(self, items: object, role: object) -> Dense:
        """Never called."""
        raise NotImplementedError


class Smaller(Whole):
    """A smaller form."""

    name, grid, reference = "smaller", {"dim": (2, 4)}, "whole"


class Own(Whole):
    """Its largest variant is its own reference."""

    name, grid = "own", {"dim": (256, 64)}

    @classmethod
    def reference_of(cls, variant: object) -> str | None:
        """The whole vector."""
        return "own[dim=256]"


CATALOGUE = Catalogue({cls.name: FoundMethod(cls, Path("m.py"), Origin("m", "M")) for cls in (Whole, Smaller, Own)})


@pytest.mark.parametrize(
    ("cls", "variant", "expected"),
    [
        (Whole, {"precision": "bfloat16"}, None),
        (Smaller, {"dim": 2}, "whole[precision=bfloat16]"),
        (Own, {"dim": 64}, "own[dim=256]"),
        (Own, {"dim": 256}, None),
    ],
)
def test_label_of_the_reference(cls: type[Method], variant: dict[str, int], expected: str | None) -> None:
    assert reference(cls, variant, CATALOGUE) == expected


def test_a_reference_that_is_not_here_is_none() -> None:
    assert reference(Smaller, {"dim": 2}, Catalogue()) is None


def test_a_row_on_a_model_by_name_has_a_card_and_a_reference(tmp_path: Path) -> None:
    from suite.cards import _by_name
    from suite.discovery import scan
    from suite.results.index import Index
    from suite.results.schema import CellResult, Status
    from suite.results.store import ResultStore

    catalogue = scan()
    name = "st:somebody/model+pca"
    result = CellResult(
        key="k", method=name, variant={"pca.dim": 24}, task="beir/t", family="beir", profile="quick", seed=0,
        status=Status.OK, main_metric="ndcg@10",
    )  # fmt: skip
    store = ResultStore(tmp_path)
    store.write(result)
    (found,) = _by_name(catalogue, Index(store, "quick").summaries)
    assert found.cls.name == name
    (variant,) = found.cls.variants()
    assert variant == {"pca.dim": 24}
    assert reference(found.cls, variant, catalogue) == "st:somebody/model"
