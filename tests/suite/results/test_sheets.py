"""Sheets of pictures: what they show, that they belong to their row, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, PngImagePlugin

from suite.errors import ContractError
from suite.results import sheets
from suite.results.index import Index
from suite.results.store import ResultStore
from tests.suite.results.test_store import cell

SEVEN = np.random.default_rng(0).integers(0, 256, (7, 5, 6), np.uint8)
TITLES = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1, max_size=20).filter(str.strip)
SHEET = sheets.drawn({"real": SEVEN, "reconstructed": 255 - SEVEN})


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(TITLES, st.integers(0, 9), min_size=1, max_size=4),
    st.tuples(st.integers(1, 20), st.integers(1, 12), st.integers(1, 12)),
    st.booleans(),
    st.data(),
)
def test_a_sheet_holds_the_images_and_says_what_its_rows_are(titles, shape, colour, data):
    shape = (*shape, 3) if colour else shape
    rows = {title: data.draw(arrays.arrays(np.uint8, shape), label=title) for title in titles}
    content = sheets.drawn(rows)
    sheet = sheets.parsed(content)
    assert sheet.rows == tuple(rows)
    picture = np.asarray(Image.open(io.BytesIO(content)))
    height, width = shape[1:3]
    for line, images in enumerate(rows.values()):
        for column, image in enumerate(images[: sheets.COLUMNS]):
            top, left = line * (height + sheets.GAP), column * (width + sheets.GAP)
            assert np.array_equal(picture[top : top + height, left : left + width], image)
    assert (sheet.width, sheet.height) == picture.shape[1::-1]


def test_noise_that_does_not_compress_is_shown_in_fewer_columns():
    noise = np.random.default_rng(0).integers(0, 256, (14, 64, 64, 3), np.uint8)
    content = sheets.drawn({"real": noise, "sampled": noise[::-1]})
    assert len(content) <= sheets.LARGEST
    assert sheets.parsed(content).width < 14 * 66
    with pytest.raises(ContractError, match="show smaller images"):
        sheets.drawn({"real": np.random.default_rng(0).integers(0, 256, (1, 300, 300), np.uint8)})


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"real": SEVEN, "sampled": SEVEN[:, :4]},
        {"real": SEVEN.astype(np.float32)},
        {"real": SEVEN[0]},
        {"two\nlines": SEVEN},
        {"": SEVEN},
    ],
)
def test_what_makes_no_sheet_is_refused(rows):
    with pytest.raises(ContractError, match="sheet"):
        sheets.drawn(rows)


def store_with(root: Path) -> tuple[ResultStore, Path]:
    store = ResultStore(root)
    written = store.write(cell(), {"ndcg": np.ones(3)}, sheet=SHEET)
    (path,) = sheets.of_row(store.path(written.result))
    return store, path


def test_a_row_has_its_sheet_until_it_is_replaced(tmp_path):
    store, path = store_with(tmp_path)
    (row,) = store.read("quick").rows
    assert row.sheet is not None
    assert (row.sheet.content, row.sheet.rows) == (SHEET, ("real", "reconstructed"))
    assert store.read_sheet(row.result) == SHEET
    other = sheets.drawn({"sampled": SEVEN})
    store.write(cell(key="new"), {"ndcg": np.ones(3)}, sheet=other)
    assert not path.exists()
    assert [row.sheet.content for row in store.read("quick").rows] == [other]
    store.write(cell(key="newer"))
    assert [row.sheet for row in store.read("quick").rows] == [None]
    assert list(tmp_path.rglob("*.png")) == []


def test_a_sheet_changes_neither_the_row_nor_what_is_known_of_it(tmp_path):
    store, path = store_with(tmp_path)
    before, row = Index(store, "quick").digest, store.path(cell()).read_bytes()
    path.unlink()
    assert (Index(store, "quick").digest, store.path(cell()).read_bytes()) == (before, row)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def another(path: Path) -> None:
    path.write_bytes(sheets.drawn({"sampled": SEVEN}))


def text(path: Path) -> None:
    path.write_bytes(b"<svg onload='alert(1)'/>")


def second(path: Path) -> None:
    content = sheets.drawn({"sampled": SEVEN})
    digest = sheets.parsed(content).digest
    path.with_name(f"{path.name.split('.')[0]}.s0.{digest[:16]}.png").write_bytes(content)


def orphan(path: Path) -> None:
    path.rename(path.with_name(path.name.replace("m=8", "m=9")))


def large(path: Path) -> None:
    path.write_bytes(bytes(sheets.LARGEST + 1))


@pytest.mark.parametrize("spoil", [truncated, linked, another, text, second, orphan, large])
def test_what_cannot_be_trusted_is_reported_and_not_shown(tmp_path, spoil):
    store, path = store_with(tmp_path)
    spoil(path)
    reading = store.read("quick")
    assert len(reading.rows) == len(reading.rejected) == 1
    if spoil is not second:
        assert reading.rows[0].sheet is None
    assert [rejected.path.suffix for rejected in store.read("quick").rejected] == [".png"], "left where it is"


def test_a_png_that_is_too_wide_animated_or_silent_is_no_sheet():
    def png(image: Image.Image, said: str | None = "real", **options: object) -> bytes:
        info, file = PngImagePlugin.PngInfo(), io.BytesIO()
        if said is not None:
            info.add_itxt("Description", said)
        image.save(file, "PNG", pnginfo=info, **options)
        return file.getvalue()

    grey = Image.new("L", (4, 4))
    assert sheets.parsed(png(grey)).rows == ("real",)
    for content in (
        png(Image.new("L", (sheets.LONGEST_SIDE + 1, 1))),
        png(grey, save_all=True, append_images=[Image.new("L", (4, 4), 9)]),
        png(grey, None),
        png(Image.new("RGBA", (4, 4))),
    ):
        with pytest.raises(ValueError, match=r"is no picture|does not say"):
            sheets.parsed(content)
