"""Pictures as cameras, scanners and drawing programs write them: one rule for folders, archives and the Hub."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from suite.errors import DataMismatch
from tasks.data import image_archives, image_folder, pictures

GREY = np.array([[60, 190], [0, 255], [128, 7]], np.uint8)
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    """A picture stored lying on its side, with the note that says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(COLOUR), kind, exif=exif)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_upper_bits(kind):
    deep = GREY.astype(np.uint16) << 8 | 0x55
    np.testing.assert_array_equal(pictures.decoded(saved(Image.fromarray(deep), kind), "x", "L"), GREY)
    np.testing.assert_array_equal(pictures.decoded(saved(Image.fromarray(deep), kind), "x")[..., 2], GREY)


def test_32_bit_levels_within_16_bits_are_the_same_picture():
    deep = GREY.astype(np.int32) << 8
    np.testing.assert_array_equal(pictures.decoded(saved(Image.fromarray(deep, "I"), "TIFF"), "x", "L"), GREY)


@pytest.mark.parametrize("levels", [np.full((2, 2), 70_000, np.int32), np.full((2, 2), -1, np.int32), np.ones((2, 2))])
def test_levels_of_no_known_range_are_refused(levels):
    image = Image.fromarray(levels.astype(np.float32) if levels.dtype == np.float64 else levels)
    with pytest.raises(DataMismatch, match=r"x: .*levels go from"):
        pictures.decoded(saved(image, "TIFF"), "x")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(orientation):
    from PIL import ImageOps

    stored = turned("PNG", orientation)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(stored))))
    np.testing.assert_array_equal(pictures.decoded(stored, "x"), upright)
    if orientation == 6:
        np.testing.assert_array_equal(pictures.decoded(stored, "x"), np.rot90(COLOUR, -1))


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "CMYK", "1", "L", "RGB"])
@pytest.mark.parametrize("size", [None, 4])
def test_folder_archive_and_hub_read_the_same_pixels(tmp_path, monkeypatch, mode, size):
    image = Image.fromarray(COLOUR).convert(mode)
    content = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    for split in ("train", "val"):
        (tmp_path / split / "a").mkdir(parents=True)
        (tmp_path / split / "a" / "0.png").write_bytes(content)
    folder = image_folder.load(tmp_path, size=size).train[0]
    archive = pictures.decoded(content, "archive", size=size)
    np.testing.assert_array_equal(folder, archive)
    if size is not None:
        rows = [{"image": Image.open(io.BytesIO(content)), "label": 0}]
        monkeypatch.setattr(image_archives.hub, "rows", lambda *_: iter(rows))
        hub, labels = image_archives._kept(tmp_path, "train", size, None, 1)
        np.testing.assert_array_equal(hub[0], folder)
        assert labels.tolist() == [0]


def test_a_label_of_the_hub_without_a_class_is_refused(tmp_path, monkeypatch):
    rows = [{"image": Image.fromarray(COLOUR), "label": -1}]
    monkeypatch.setattr(image_archives.hub, "rows", lambda *_: iter(rows))
    with pytest.raises(DataMismatch, match="row 1: label -1"):
        image_archives._kept(tmp_path, "test", 4, None, 2)


def broken_chunk() -> bytes:
    """A PNG whose pixels are followed by a chunk that no PNG has, cut short."""
    content = saved(Image.fromarray(COLOUR))
    place = content.index(b"IDAT") - 4
    bad = struct.pack(">I", 5) + b"\x00\x01\x02\x03" + b"abcde" + struct.pack(">I", zlib.crc32(b"x"))
    return content[:place] + bad + content[place:]


@pytest.mark.parametrize(
    "content", [broken_chunk(), saved(Image.fromarray(COLOUR))[:70], b"", b"GIF89a", b"\x00" * 999]
)
def test_a_damaged_picture_is_one_line_that_names_it(tmp_path, content):
    file = tmp_path / "3.png"
    file.write_bytes(content)
    with pytest.raises(DataMismatch) as caught:
        pictures.read(file)
    assert str(caught.value).startswith(f"{file}: not an image that can be read")
    assert "\n" not in str(caught.value)


def test_what_desktops_leave_behind_is_passed_over_and_a_pipe_is_not_waited_for(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split / "a").mkdir(parents=True)
        (tmp_path / split / "a" / "0.png").write_bytes(saved(Image.fromarray(COLOUR)))
        for junk in ("Thumbs.db", "desktop.ini", ".DS_Store"):
            (tmp_path / split / "a" / junk).write_bytes(b"junk")
            (tmp_path / split / junk).write_bytes(b"junk")
    assert len(image_folder.load(tmp_path).test) == 1
    os.mkfifo(tmp_path / "val" / "a" / "1.png")
    with pytest.raises(DataMismatch, match=r"1\.png: cannot be read"):
        image_folder.load(tmp_path)


def test_one_small_picture_that_decides_the_size_of_all_is_named(tmp_path, caplog):
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (16, 12)).save(tmp_path / split / name / "0.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    assert image_folder.load_own(tmp_path).test.shape == (2, 12, 16, 3)
    assert not caplog.text
    Image.new("RGB", (1, 9)).save(tmp_path / "val" / "b" / "odd\n.png")
    assert image_folder.load_own(tmp_path).test.shape == (3, 1, 1, 3)
    assert "2 sizes are resized to 1 pixels a side" in caplog.text
    assert "odd?.png" in caplog.text


def test_pictures_that_are_of_one_size_once_they_stand_upright_are_not_cut(tmp_path, caplog):
    turned = Image.Exif()
    turned[0x112] = 6
    for split in ("train", "val"):
        (tmp_path / split / "a").mkdir(parents=True)
        Image.new("RGB", (16, 12)).save(tmp_path / split / "a" / "0.jpg")
        Image.new("RGB", (12, 16)).save(tmp_path / split / "a" / "1.jpg", exif=turned)
    assert image_folder.load_own(tmp_path).test.shape == (2, 12, 16, 3)
    assert not caplog.text
