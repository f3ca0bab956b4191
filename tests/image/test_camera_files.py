"""HEIC and camera raw: what the packages for them read."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.files import find_photos, result_path
from gdp_desktop.image.formats import CAMERA_FORMATS, OPENED_SUFFIXES, SAVED_SUFFIXES, CameraFormat
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import load_photo, save_photo

from .handmade import dng, exif_block, pillow_bytes, smooth, srgb_profile, tiff

pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("rawpy")
pillow_heif.register_heif_opener()

Put = Callable[[str, bytes], Path]

PICTURE = smooth(48, 64)
HEIC = pillow_bytes(Image.fromarray(PICTURE), "HEIF", quality=100, chroma=444)
MIDDLE_GREY = np.full((48, 64), round(0.18 * 4095), np.uint16)
FILES = {"phone.heic": HEIC, "camera.dng": dng(MIDDLE_GREY)}


def deep_heic(array: np.ndarray) -> bytes:
    """Of 16-bit values; the file keeps 12 of their bits."""
    mode = {2: "L;16"}.get(array.ndim) or {3: "RGB;16", 4: "RGBA;16"}[array.shape[2]]
    size = (array.shape[1], array.shape[0])
    file = io.BytesIO()
    pillow_heif.from_bytes(mode, size, array.tobytes()).save(file, quality=-1, chroma=444)
    return file.getvalue()


def test_the_pixels_of_a_heic(put: Put) -> None:
    photo = load_photo(put("phone.heic", HEIC))
    assert photo.format == "HEIC" and photo.bits == 8 and photo.alpha is None and photo.notes == ()
    assert np.abs(photo.pixels.astype(int) - PICTURE).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_stands_upright(put: Put, orientation: int) -> None:
    image = Image.fromarray(PICTURE)
    data = pillow_bytes(image, "HEIF", quality=100, chroma=444, exif=exif_block(orientation))
    photo = load_photo(put("phone.heic", data))
    turned = image.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else image
    wide = Size(64, 48)
    assert photo.size == (wide if orientation < 5 else Size(wide.height, wide.width))
    if orientation in (1, 6):
        assert np.abs(photo.pixels.astype(int) - np.asarray(turned)).mean() < 2
    parsed = Image.Exif()
    parsed.load(photo.exif or b"")
    assert parsed.get(0x0112, 1) == 1


def test_what_belongs_to_a_heic_reaches_the_result(put: Put, tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title/></x:xmpmeta>'
    data = pillow_bytes(Image.fromarray(PICTURE), "HEIF", exif=exif_block(),
                        icc_profile=srgb_profile(), xmp=xmp)
    assert save_photo(load_photo(put("phone.heic", data)), tmp_path / "a.png") == ()
    again = load_photo(tmp_path / "a.png")
    assert again.icc == srgb_profile() and again.xmp == xmp
    parsed = Image.Exif()
    parsed.load(again.exif)
    assert parsed[0x010F] == "Kodak" and parsed.get_ifd(0x8825)[1] == "N"


def test_a_heic_keeps_its_transparency(put: Put) -> None:
    alpha = np.repeat(np.arange(64, dtype=np.uint8)[None] * 4, 48, axis=0)
    picture = Image.fromarray(np.dstack([PICTURE, alpha]))
    photo = load_photo(put("a.heic", pillow_bytes(picture, "HEIF", quality=100)))
    assert np.abs(photo.alpha.astype(int) - alpha).mean() < 2


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_deep_heic_keeps_its_depth(put: Put, channels: int) -> None:
    ramp = np.linspace(0, 65535, 48 * 64).round().astype(np.uint16).reshape(48, 64)
    array = ramp if channels == 1 else np.dstack([ramp, ramp[::-1], ramp[:, ::-1], ramp])[
        ..., :channels
    ]
    photo = load_photo(put("a.hif", deep_heic(array)))
    rgb = np.dstack([array] * 3) if channels == 1 else array[..., :3]
    assert photo.bits == 16
    assert np.abs(photo.pixels.astype(int) - rgb).mean() < 200
    assert len(np.unique(photo.pixels)) > 500
    assert (photo.alpha is not None) == (channels == 4)


@pytest.mark.parametrize(("curve", "is_told"), [(13, False), (16, True), (18, True)])
def test_a_heic_of_high_dynamic_range_says_so(put: Put, curve: int, is_told: bool) -> None:
    file = pillow_heif.from_pillow(Image.fromarray(PICTURE))
    stream = io.BytesIO()
    file.save(stream, save_nclx_profile=True, color_primaries=9, transfer_characteristics=curve)
    data = stream.getvalue()
    assert struct.pack(">H", curve) in data[data.index(b"nclx"):][:10]
    photo = load_photo(put("a.hif", data))
    assert any("dynamic range" in note for note in photo.notes) == is_told


def test_a_phone_that_calls_its_heic_a_jpeg(put: Put) -> None:
    photo = load_photo(put("IMG_1.jpg", HEIC))
    assert photo.format == "HEIC" and "really a HEIC" in photo.notes[0]


def test_a_raw_file_is_developed_to_its_true_light(put: Put) -> None:
    levels = MIDDLE_GREY.copy()
    levels[:, :12], levels[:, 12:24] = 4095, 0
    photo = load_photo(put("camera.dng", dng(levels)))
    assert photo.size == Size(64, 48) and photo.bits == 16 and photo.notes == ()
    assert photo.format == "camera raw" and photo.icc is None
    encoded = 1.055 * 0.18 ** (1 / 2.4) - 0.055
    assert np.abs(photo.pixels[8:40, 32:60] / 65535 - encoded).max() < 1e-3
    assert photo.pixels[8:40, 2:8].min() > 65500 and photo.pixels[8:40, 16:20].max() == 0


def test_a_raw_file_keeps_its_colours(put: Put) -> None:
    levels = np.zeros((48, 64), np.uint16)
    levels[::2, ::2] = 2000  # where the filter is red
    red, green, blue = load_photo(put("a.dng", dng(levels))).pixels[24, 32].astype(int)
    assert red > 40000 and green < 3000 and blue < 3000


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_stands_upright(put: Put, orientation: int) -> None:
    levels = MIDDLE_GREY.copy()
    levels[:16, :16] = 4095
    photo = load_photo(put("a.dng", dng(levels, orientation)))
    bright = (photo.pixels[..., 1] > 60000).astype(float)
    rows, columns = bright.mean(axis=1), bright.mean(axis=0)
    corner = (rows[:8].sum() > rows[-8:].sum(), columns[:8].sum() > columns[-8:].sum())
    assert corner == {1: (True, True), 3: (False, False), 6: (True, False), 8: (False, True)}[
        orientation
    ]
    assert photo.size == (Size(64, 48) if orientation < 5 else Size(48, 64))


def test_the_camera_data_of_a_raw_file_reaches_the_result(put: Put, tmp_path: Path) -> None:
    save_photo(load_photo(put("a.dng", dng(MIDDLE_GREY))), tmp_path / "a.tif")
    again = load_photo(tmp_path / "a.tif")
    parsed = Image.Exif()
    parsed.load(again.exif)
    assert parsed[0x010F] == "Kodak" and again.bits == 16


def test_a_real_raw_file(example: Callable[[str], Path]) -> None:
    photo = load_photo(example("raw_canon_eos_6d.dng"))
    assert photo.size == Size(1224, 816) and photo.bits == 16 and photo.xmp is None
    # A screen in a dark room, of which the file says how dark it is: nothing was brightened.
    assert 4000 < photo.pixels.mean() < 16000
    parsed = Image.Exif()
    parsed.load(photo.exif)
    assert parsed[0x0110] == "Canon EOS 6D" and parsed.get_ifd(0x8769)[0x8827] == 1000


BAD = {
    "cut.heic": HEIC[: len(HEIC) // 2],
    "header.heic": HEIC[:200],
    "cut.dng": FILES["camera.dng"][:300],
    "letter.cr2": b"I am a letter, not a picture.\n" * 9,
    "photo.nef": tiff(PICTURE),
    "none.cr3": b"\0\0\0\x18ftypcrx " + bytes(40),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_camera_files_give_one_sentence(put: Put, name: str) -> None:
    with pytest.raises(PhotoError) as caught:
        load_photo(put(name, BAD[name]))
    text = str(caught.value)
    assert name in text and "damaged" in text
    assert text.endswith(".") and "\n" not in text and ". " not in text


def test_a_jpeg_with_the_ending_of_a_raw_file_is_a_jpeg(put: Put) -> None:
    photo = load_photo(put("a.nef", pillow_bytes(Image.fromarray(PICTURE), "JPEG")))
    assert photo.format == "JPEG"


def test_a_folder_is_searched_for_them_and_results_are_png(put: Put) -> None:
    found = [put(name, data) for name, data in FILES.items()]
    assert sorted(find_photos([found[0].parent])) == sorted(found)
    assert result_path("camera.dng").name == "camera-restored.png"
    assert not SAVED_SUFFIXES.intersection(*(format.endings for format in CAMERA_FORMATS))


def test_only_what_can_be_read_is_looked_for() -> None:
    assert all(OPENED_SUFFIXES.issuperset(format.endings) for format in CAMERA_FORMATS)
    assert not CameraFormat("none", (".none",), "a_module_that_is_not_there", "none").is_readable
