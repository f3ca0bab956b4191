"""Reading: every format, mode and depth becomes upright RGB of its own depth, or a sentence."""

import errno
import io
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from gdp_desktop.image.decoding import MAX_MEGAPIXELS
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.formats import CAMERA_FORMATS, FORMATS, SAVED_TITLES
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.iptc import jpeg_segment
from gdp_desktop.image.photo import Photo, load_photo

from . import handmade
from .conftest import raising
from .handmade import (
    avif,
    cmyk_profile,
    exif_block,
    grey_profile,
    noise,
    pillow_bytes,
    png16,
    png_chunk,
    smooth,
    srgb_profile,
    tiff,
)

Put = Callable[[str, bytes], Path]

RGB8, RGBA8 = noise(7, 5, 3, 8), noise(7, 5, 4, 8)


def image_of(mode: str) -> Image.Image:
    if mode == "P":
        return Image.fromarray(RGB8).quantize(16)
    return Image.fromarray(RGBA8).convert("RGB" if mode == "CMYK" else "RGBA").convert(mode)


EXACT = [
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "RGB", {"transparency": tuple(int(value) for value in RGB8[0, 0])}),
    *(("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    *(("WEBP", mode, {"lossless": True, "exact": True}) for mode in ("RGB", "RGBA")),
]


@pytest.mark.parametrize(("format", "mode", "options"), EXACT)
def test_eight_bit_pixels_are_exact(put: Put, format: str, mode: str, options: dict) -> None:
    data = pillow_bytes(image_of(mode), format, **options)
    photo = load_photo(put("a." + format.lower(), data))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert photo.bits == 8 and photo.format.upper() == format
    assert np.array_equal(photo.pixels, expected[..., :3])
    has_alpha = mode in ("LA", "RGBA") or "transparency" in options
    assert (photo.alpha is not None) == has_alpha
    assert not has_alpha or np.array_equal(photo.alpha, expected[..., 3])


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_modes(put: Put, mode: str) -> None:
    image = Image.fromarray(smooth(32, 48)).convert(mode)
    photo = load_photo(put("a.jpg", pillow_bytes(image, "JPEG", quality=95)))
    assert photo.size == Size(48, 32) and photo.alpha is None
    difference = photo.pixels - np.asarray(image.convert("RGB")).astype(float)
    assert np.abs(difference).mean() < 3
    assert bool(photo.notes) == (mode == "CMYK")


G16, GA16, RGB16, RGBA16 = (noise(7, 5, channels, 16) for channels in (1, 2, 3, 4))


def grey_as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.dstack([grey] * 3)


SIXTEEN = {
    "png grey": (png16(G16), grey_as_rgb(G16), None),
    "png grey alpha": (png16(GA16), grey_as_rgb(GA16[..., 0]), GA16[..., 1]),
    "png rgb": (png16(RGB16), RGB16, None),
    "png rgba": (png16(RGBA16), RGBA16[..., :3], RGBA16[..., 3]),
    "tiff grey": (tiff(G16), grey_as_rgb(G16), None),
    "tiff grey, white is zero": (tiff(G16, {262: 0}), grey_as_rgb(65535 - G16), None),
    "tiff rgb": (tiff(RGB16), RGB16, None),
    "tiff rgba": (tiff(RGBA16), RGBA16[..., :3], RGBA16[..., 3]),
    "tiff rgb and a fourth channel": (tiff(RGBA16, {338: 0}), RGBA16[..., :3], None),
}


@pytest.mark.parametrize("case", SIXTEEN)
def test_sixteen_bit_pixels_are_exact(put: Put, case: str) -> None:
    data, pixels, alpha = SIXTEEN[case]
    photo = load_photo(put("a." + case[:4].strip(), data))
    assert photo.bits == 16 and photo.pixels.dtype == np.uint16
    assert np.array_equal(photo.pixels, pixels)
    assert (photo.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(photo.alpha, alpha)


def test_premultiplied_alpha_is_divided_out(put: Put) -> None:
    straight = np.full((2, 2, 4), 40000, np.uint16)
    straight[..., 3] = [[65535, 32768], [1000, 0]]
    premultiplied = straight.copy()
    share = straight[..., 3:] / 65535
    premultiplied[..., :3] = np.rint(straight[..., :3] * share).astype(np.uint16)
    photo = load_photo(put("a.tif", tiff(premultiplied, {338: 1})))
    assert np.array_equal(photo.alpha, straight[..., 3])
    error = np.abs(photo.pixels.astype(int) - 40000).max(axis=2)
    assert error[0, 0] == 0 and error[0, 1] <= 1 and error[1, 0] <= 33


TURNED8 = smooth(24, 40)
TURNED16 = TURNED8.astype(np.uint16) * 257


def turned_bytes(kind: str, orientation: int) -> bytes:
    exif = exif_block(orientation)
    image = Image.fromarray(TURNED8)
    if kind == "png16":
        return png16(TURNED16, png_chunk(b"eXIf", exif[6:]))
    if kind == "avif10":
        return avif(TURNED8.astype(np.uint16) * 4, 10, exif[6:])
    if kind == "tiff16":
        return tiff(TURNED16, {274: orientation})
    if kind == "tiff":
        return tiff(TURNED8, {274: orientation})
    options = {
        "jpeg": {"quality": 100, "subsampling": 0},
        "avif": {"quality": 100, "subsampling": "4:4:4"},
    }.get(kind, {"lossless": True})
    return pillow_bytes(image, kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind", ["jpeg", "png", "webp", "avif", "tiff", "png16", "tiff16", "avif10"]
)
def test_every_orientation_is_shown_upright(put: Put, kind: str, orientation: int) -> None:
    image = Image.fromarray(TURNED8)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    photo = load_photo(put("a." + kind.rstrip("016"), turned_bytes(kind, orientation)))
    assert photo.pixels.shape == upright.shape and (photo.bits == 16) == kind.endswith(("16", "10"))
    full = (1 << photo.bits) - 1
    worst = {"jpeg": 6, "avif": 6, "avif10": 1}.get(kind, 0)  # of 255
    assert np.abs(photo.pixels / full - upright / 255).max() <= worst / 255
    parsed = Image.Exif()
    parsed.load(photo.exif or b"")
    assert parsed.get(0x0112, 1) == 1


def test_alpha_turns_with_the_pixels(put: Put) -> None:
    data = pillow_bytes(Image.fromarray(RGBA8), "PNG", exif=exif_block(6))
    photo = load_photo(put("a.png", data))
    assert np.array_equal(photo.alpha, np.rot90(RGBA8[..., 3], -1))


METADATA_CARRIERS = [format.name for format in FORMATS]


@pytest.mark.parametrize("format", METADATA_CARRIERS)
def test_metadata_is_read(put: Put, format: str) -> None:
    icc = srgb_profile()
    xmp = handmade.XMP.replace(b'Orientation="1"', b'Orientation="6"')
    options: dict = {"icc_profile": icc, "exif": exif_block()}
    if format == "PNG":
        data = pillow_bytes(Image.fromarray(RGB8), format, **options)
        packet = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
        data = data[:-12] + packet + data[-12:]
    elif format == "TIFF":
        block = Image.Exif()
        block.load(options.pop("exif"))
        block[700] = xmp
        data = pillow_bytes(Image.fromarray(RGB8), format, exif=block, **options)
    else:
        data = pillow_bytes(Image.fromarray(RGB8), format, xmp=xmp, **options)
    photo = load_photo(put("a." + format.lower(), data))
    assert photo.icc == icc
    assert b"dc:title" in photo.xmp and b'Orientation="6"' not in photo.xmp
    assert photo.pixels.shape == RGB8.shape  # EXIF, which says "upright", goes before XMP
    parsed = Image.Exif()
    parsed.load(photo.exif)
    assert parsed[0x010F] == "Kodak"
    assert float(parsed.get_ifd(0x8769)[0x829A]) == 0.01
    assert parsed.get_ifd(0x8825)[1] == "N"
    assert photo.notes == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ends", [0, 4])
def test_captions_that_a_tiff_holds_as_numbers(put: Put, order: str, ends: int) -> None:
    iptc = handmade.IPTC + bytes(-len(handmade.IPTC) % 4 + ends)
    count = len(iptc) // 4
    as_numbers = struct.pack(f"<{count}L", *struct.unpack(f"{order}{count}L", iptc))
    data = tiff(RGB8, {33723: as_numbers})
    bytes_there, longs_there = (
        struct.pack("<HHL", 33723, *entry) for entry in ((7, len(iptc)), (4, count))
    )
    assert data.count(bytes_there) == 1
    assert load_photo(put("a.tif", data.replace(bytes_there, longs_there))).iptc == iptc


@pytest.mark.parametrize("value", [b"", b"nonsense", b"\0\x1c"])
def test_what_is_no_caption_is_left_alone(put: Put, value: bytes) -> None:
    assert load_photo(put("a.tif", tiff(RGB8, {33723: value}))).iptc is None
    segment = jpeg_segment(value)
    plain = pillow_bytes(Image.fromarray(RGB8), "JPEG")
    assert load_photo(put("a.jpg", plain[:2] + segment + plain[2:])).iptc is None


def test_exif_speaks_of_the_upright_size_and_has_no_old_thumbnail(put: Put) -> None:
    block = bytearray(exif_block(6))
    (count,) = struct.unpack_from(">H", block, 14)
    struct.pack_into(">L", block, 16 + 12 * count, 8)  # any directory will do as the thumbnail's
    data = pillow_bytes(Image.fromarray(RGB8), "JPEG", exif=bytes(block))
    parsed = Image.Exif()
    parsed.load(load_photo(put("a.jpg", data)).exif)
    details = parsed.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (7, 5)
    assert not parsed.get_ifd(ExifTags.IFD.IFD1)


def exif_directory(*entries: tuple[int, int, int, int]) -> bytes:
    """A block of one directory, of (tag, type, count, value) as they are given."""
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, len(entries)) + body + bytes(4)


def test_every_place_that_tells_the_size_tells_the_upright_one(put: Put) -> None:
    exif = exif_directory((0x0100, 3, 1, 5), (0x0101, 4, 1, 7), (0x0112, 3, 1, 6))
    photo = load_photo(put("a.jpg", pillow_bytes(Image.fromarray(RGB8), "JPEG", exif=exif)))
    parsed = Image.Exif()
    parsed.load(photo.exif)
    assert (parsed[0x0100], parsed[0x0101], parsed[0x0112]) == (*photo.size, 1)


def test_a_tag_that_is_there_twice_harms_no_other(put: Put) -> None:
    turned = (0x0112, 3, 1, 6)
    exif = exif_directory((0x010F, 2, 4, 0x6F6F46), turned, turned, (0x8298, 2, 4, 0x726142))
    photo = load_photo(put("a.jpg", pillow_bytes(Image.fromarray(RGB8), "JPEG", exif=exif)))
    parsed = Image.Exif()
    parsed.load(photo.exif)
    assert dict(parsed) == {0x010F: "Foo", 0x0112: 1, 0x8298: "Bar"}


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "tiff16"])
def test_an_orientation_that_only_xmp_knows(put: Put, kind: str) -> None:
    xmp = b'<x:xmpmeta tiff:Orientation="6"/>'
    if "tiff" in kind.lower():
        data = tiff(TURNED16 if kind == "tiff16" else TURNED8, {700: xmp})
    else:
        data = pillow_bytes(Image.fromarray(TURNED8), kind, xmp=xmp)
    photo = load_photo(put("a." + kind.lower().removesuffix("16"), data))
    assert photo.size == Size(24, 40)
    assert b'"6"' not in photo.xmp


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_deep_avif_keeps_its_depth(put: Put, bits: int, channels: int) -> None:
    array = noise(40, 30, channels, bits)
    photo = load_photo(put("a.avif", avif(array, bits)))
    rgb = np.repeat(array[..., None], 3, axis=2) if channels == 1 else array[..., :3]
    most = (1 << bits) - 1
    assert photo.bits == 16 and photo.notes == ()
    assert np.abs(photo.pixels / 65535 - rgb / most).max() < 1e-3
    assert (photo.pixels[rgb == most] == 65535).all() and (photo.pixels[rgb == 0] == 0).all()
    if channels == 4:
        assert np.abs(photo.alpha / 65535 - array[..., 3] / most).max() < 1e-3


@pytest.mark.parametrize(("curve", "flat"), [(1, False), (13, False), (16, True), (18, True)])
def test_an_avif_of_high_dynamic_range_says_so(put: Put, curve: int, flat: bool) -> None:
    data = pillow_bytes(Image.fromarray(TURNED8), "AVIF")
    assert data.count(b"colrnclx") == 1
    at = data.index(b"colrnclx") + 10
    photo = load_photo(put("a.avif", data[:at] + struct.pack(">H", curve) + data[at + 2 :]))
    assert any("dynamic range" in note for note in photo.notes) == flat


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow warns of it, too
def test_exif_that_leads_nowhere_is_left_out_with_a_note(put: Put) -> None:
    exif = b"Exif\0\0MM\0*" + struct.pack(">L", 5000)
    photo = load_photo(put("a.jpg", pillow_bytes(Image.fromarray(RGB8), "JPEG", exif=exif)))
    assert photo.exif is None and "EXIF" in photo.notes[0]


@pytest.mark.parametrize("format", METADATA_CARRIERS)
def test_garbage_profile_is_treated_as_srgb(put: Put, format: str) -> None:
    data = pillow_bytes(Image.fromarray(RGB8), format, icc_profile=b"no profile at all" * 20)
    photo = load_photo(put("a." + format.lower(), data))
    assert photo.icc is None and "treated as sRGB" in photo.notes[0]


def test_grey_goes_through_its_own_profile(put: Put) -> None:
    grey = Image.new("L", (4, 4), 55)
    photo = load_photo(put("a.png", pillow_bytes(grey, "PNG", icc_profile=grey_profile())))
    linear = 55 / 255
    assert abs(int(photo.pixels[0, 0, 0]) - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)) <= 2
    assert photo.icc is None


def test_the_transparent_value_of_a_16_bit_grey_png_counts(put: Put) -> None:
    grey = noise(6, 7, 1, 16)
    photo = load_photo(put("a.png", png16(grey, png_chunk(b"tRNS", grey[2, 3].tobytes()[::-1]))))
    assert np.array_equal(photo.alpha, np.where(grey == grey[2, 3], 0, 65535))
    assert np.array_equal(photo.pixels[..., 1], grey)


def test_cmyk_goes_through_its_own_profile(put: Put) -> None:
    inked = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    data = pillow_bytes(inked, "JPEG", icc_profile=cmyk_profile(), quality=95)
    photo = load_photo(put("a.jpg", data))
    red, green, blue = (int(value) for value in photo.pixels[8, 8])
    assert red > green + 60 and red > blue + 60  # plain conversion would give cyan
    assert photo.icc is None and "through its colour profile" in photo.notes[0]


def test_profile_of_another_colour_space_is_left_out(put: Put) -> None:
    data = pillow_bytes(Image.fromarray(RGB8), "JPEG", icc_profile=cmyk_profile())
    photo = load_photo(put("a.jpg", data))
    assert photo.icc is None and "treated as sRGB" in photo.notes[0]


@pytest.mark.parametrize("format", ["TIFF", "WEBP", "PNG"])
def test_only_the_first_frame_is_read(put: Put, format: str) -> None:
    first, second = Image.fromarray(RGB8), Image.fromarray(RGB8[::-1].copy())
    options = {"lossless": True} if format == "WEBP" else {}
    data = pillow_bytes(first, format, save_all=True, append_images=[second], **options)
    photo = load_photo(put("a." + format.lower(), data))
    assert np.array_equal(photo.pixels, RGB8)
    assert "first of 2 pictures" in photo.notes[0]


def test_a_damaged_second_page_does_not_harm_the_first(put: Put) -> None:
    data = bytearray(tiff(RGB8))
    (count,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<L", data, 10 + 12 * count, len(data) - 3)
    assert np.array_equal(load_photo(put("a.tif", bytes(data))).pixels, RGB8)


def test_mpo_is_a_jpeg(put: Put) -> None:
    image = Image.fromarray(smooth(16, 16))
    data = pillow_bytes(image, "MPO", save_all=True, append_images=[image])
    photo = load_photo(put("phone.jpg", data))
    assert photo.format == "JPEG" and photo.notes == ()


def test_wrong_suffix_opens_with_a_note(put: Put) -> None:
    photo = load_photo(put("a.jpg", pillow_bytes(Image.fromarray(RGB8), "PNG")))
    assert photo.format == "PNG" and "really a PNG" in photo.notes[0]


def header_only_png(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x")


def cut(data: bytes) -> bytes:
    return data[: len(data) * 6 // 10]


BIG = Image.fromarray(noise(64, 64, 3, 8))
BAD = {
    "empty.jpg": (b"", "is empty"),
    "text.png": (b"I am a letter, not a picture.\n" * 9, "not a picture"),
    **{
        f"cut.{format}": (cut(pillow_bytes(BIG, format)), "damaged")
        for format in ("jpeg", "png", "tiff", "webp", "avif")
    },
    "cut10.avif": (cut(avif(noise(64, 64, 3, 10), 10)), "damaged"),
    "cut16.png": (cut(png16(noise(64, 64, 3, 16))), "damaged"),
    "cut16.tif": (cut(tiff(noise(64, 64, 3, 16))), "damaged"),
    "header_only.jpg": (b"\xff\xd8\xff\xe0", "damaged"),
    "header_only.tif": (b"II*\0", "damaged"),
    "header_only.avif": (b"\0\0\0\x20ftypavif" + bytes(20), "damaged"),
    "header_only.webp": (b"RIFF\x20\0\0\0WEBPVP8 ", "damaged"),
    "bomb.png": (header_only_png(60000), "60000 × 60000"),
    "moving.gif": (pillow_bytes(BIG, "GIF"), SAVED_TITLES),
    "old.bmp": (pillow_bytes(BIG, "BMP"), "BMP"),
    "float.tif": (pillow_bytes(Image.new("F", (4, 4)), "TIFF"), "save it"),
    "floats.tif": (tiff(RGB8.astype(np.float32), {339: (3, 3, 3)}), "floating-point"),
    "int32.tif": (pillow_bytes(Image.new("I", (4, 4)), "TIFF"), "save it"),
    "planes.tif": (tiff(RGB16, {284: 2}), "planes"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_give_one_sentence(put: Put, name: str) -> None:
    data, reason = BAD[name]
    with pytest.raises(PhotoError) as caught:
        load_photo(put(name, data))
    assert_one_sentence(str(caught.value), name)
    assert reason in str(caught.value)


def assert_one_sentence(text: str, name: str) -> None:
    assert name in text
    assert text.endswith(".") and "\n" not in text and ". " not in text


OF_CAMERAS = {
    "phone.heic": b"\0\0\0\x18ftypheic" + bytes(40),
    "camera.dng": tiff(RGB8, {50706: (1, 4, 0, 0)}),
    "camera.cr3": b"\0\0\0\x18ftypcrx " + bytes(40),
}


@pytest.mark.parametrize("name", OF_CAMERAS)
def test_without_its_package_a_file_is_refused_with_what_to_do(
    put: Put, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    format = next(format for format in CAMERA_FORMATS if Path(name).suffix in format.endings)
    monkeypatch.setitem(sys.modules, format.module, None)
    with pytest.raises(PhotoError) as caught:
        load_photo(put(name, OF_CAMERAS[name]))
    text = str(caught.value)
    assert name in text and f"install {format.package}" in text and "TIFF or PNG" in text
    assert text.endswith(".") and ". " not in text


def test_of_a_damaged_chunk_length_opencv_hears_nothing(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would work on such a file for ten seconds."""
    heard: list[bytes] = []
    decode = cv2.imdecode
    monkeypatch.setattr(
        cv2, "imdecode", lambda data, how: heard.append(data.tobytes()) or decode(data, how)
    )
    whole, wrong = png16(RGB16), b"\xff\0\1\xff"
    position = whole.index(b"IDAT") - 4
    with pytest.raises(PhotoError, match="damaged"):
        load_photo(put("a.png", whole[:position] + wrong + whole[position + 4 :]))
    position = whole.index(b"IEND") - 4
    photo = load_photo(put("a.png", whole[:position] + wrong + whole[position + 4 :]))
    assert np.array_equal(photo.pixels, RGB16)
    assert heard[-1] == whole and not any(wrong in data for data in heard)


def test_what_is_no_file_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    for name, reason in (
        ("missing.jpg", "does not exist"),
        ("broken.jpg", "does not exist"),
        ("album", "is a folder"),
    ):
        with pytest.raises(PhotoError, match=reason) as caught:
            load_photo(tmp_path / name)
        assert_one_sentence(str(caught.value), name)
    with pytest.raises(PhotoError):
        load_photo(tmp_path / "nul\0.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="not an ordinary file"):
        load_photo(tmp_path / "pipe.jpg")


def test_unreadable_file(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("a.png", png16(RGB16))
    monkeypatch.setattr(Path, "read_bytes", raising(errno.EACCES))
    with pytest.raises(PhotoError, match="may not be read"):
        load_photo(path)


def test_no_memory(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("a.png", png16(RGB16))

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cv2, "imdecode", exhausted)
    with pytest.raises(PhotoError, match="not enough memory"):
        load_photo(path)


def test_the_limit_is_our_own_and_comes_before_decoding(put: Put) -> None:
    side = int((MAX_MEGAPIXELS * 1_000_000) ** 0.5)  # far above Pillow's own limit
    with pytest.raises(PhotoError, match="damaged"):
        load_photo(put("just_fits.png", header_only_png(side)))
    with pytest.raises(PhotoError, match="too large"):
        load_photo(put("too_large.png", header_only_png(side + 1)))


NAMES = ["емоджи 📷 写真.png", "line\nbreak.png", "-rf 'quoted' \".png", "n" * 251 + ".png"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(put: Put, name: str) -> None:
    assert load_photo(put(name, png16(RGB16))).path.name == name
    with pytest.raises(PhotoError) as caught:
        load_photo(put(name, b"no picture"))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode here")
def test_names_that_are_not_utf8(put: Put) -> None:
    name = os.fsdecode(b"bad\xff\xfe.png")
    assert load_photo(put(name, png16(RGB16))).bits == 16
    with pytest.raises(PhotoError) as caught:
        load_photo(put(name, b"no picture"))
    str(caught.value).encode()


@pytest.mark.parametrize("bits", [8, 16])
def test_unit_numbers_are_exact_for_every_value(bits: int) -> None:
    every = np.arange(1 << bits, dtype=np.uint8 if bits == 8 else np.uint16)
    unit = Photo(np.dstack([every[None]] * 3)).to_unit()
    assert unit.dtype == np.float32 and unit.min() == 0 and unit.max() == 1
    assert np.array_equal(np.rint(unit[0, :, 0] * every[-1]), every)


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_alpha_follows_a_new_size(factor: float) -> None:
    alpha = np.repeat(np.array([[0] * 4 + [65535] * 4], np.uint16), 8, axis=0)
    photo = Photo(np.zeros((8, 8, 3), np.uint16), alpha)
    side = int(8 * factor)
    larger = photo.with_pixels(np.zeros((side, side, 3), np.uint16))
    assert larger.alpha.shape == (side, side) and larger.alpha.dtype == np.uint16
    assert larger.alpha[0, 0] == 0 and larger.alpha[0, -1] == 65535


def test_a_photo_cannot_be_changed() -> None:
    photo = Photo(RGB8, RGBA8[..., 3])
    for array in (photo.pixels, photo.alpha):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        photo.format = "GIF"
    for wrong in (RGBA8, RGB8.astype(np.float32), RGB8[:0]):
        with pytest.raises(ValueError, match="must be"):
            Photo(wrong)


def test_real_photos(example: Callable[[str], Path]) -> None:
    large = load_photo(example("large_22mp_exif_icc.jpg"))
    assert large.size == Size(5760, 3840) and large.icc and large.exif and large.xmp
    room = load_photo(example("sixteen_bit_hdr_room.png"))
    assert room.size == Size(676, 449) and len(np.unique(room.pixels)) > 256
