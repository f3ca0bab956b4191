"""Writing: all that a format can hold arrives, complete or not at all, and never on the source."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, JpegImagePlugin

from gdp_desktop.image import files
from gdp_desktop.image.errors import PhotoError, PhotoExistsError
from gdp_desktop.image.formats import FORMAT_OF_SUFFIX, SAVED_SUFFIXES
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from gdp_desktop.image.writing import atomic_write

from .conftest import raising
from .handmade import IPTC, XMP, exif_block, noise, png16, smooth, srgb_profile

SUFFIXES = sorted(SAVED_SUFFIXES)
LOSSLESS = [".png", ".tif"]
LOSSY = [".jpg", ".jpeg", ".webp", ".avif"]


def photo_of(bits: int, alpha: bool = False, lossy: bool = False) -> Photo:
    dtype = np.uint8 if bits == 8 else np.uint16
    rgb = smooth(33, 47).astype(dtype) if lossy else noise(33, 47, 3, bits)
    if lossy and bits == 16:
        rgb *= 257
    return Photo(
        rgb,
        noise(33, 47, 1, bits) if alpha else None,
        icc=srgb_profile(),
        exif=exif_block(details={0x9204: -1.5, 0x927C: b"maker's own"}),
        xmp=XMP,
    )


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def read_by_others(path: Path) -> np.ndarray:
    """RGB(A) as libraries see it: not by the code under test."""
    array = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if array.dtype == np.uint8:  # where cv2 multiplies the alpha of a TIFF into its colours
        return np.asarray(opened(path))
    return array[..., [2, 1, 0, 3][: array.shape[2]]]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_keep_every_value(
    tmp_path: Path, suffix: str, bits: int, alpha: bool
) -> None:
    photo = photo_of(bits, alpha)
    path = tmp_path / f"a{suffix}"
    assert save_photo(photo, path) == ()
    seen = read_by_others(path)
    assert seen.dtype == photo.pixels.dtype and np.array_equal(seen[..., :3], photo.pixels)
    again = load_photo(path)
    assert np.array_equal(again.pixels, photo.pixels)
    assert np.array_equal(again.alpha, photo.alpha) if alpha else again.alpha is None


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", LOSSY)
def test_lossy_formats_come_close(tmp_path: Path, suffix: str, bits: int) -> None:
    photo = photo_of(bits, lossy=True)
    path = tmp_path / f"a{suffix}"
    notes = save_photo(photo, path)
    assert len(notes) == (bits == 16) and all("8 bits" in note for note in notes)
    difference = read_by_others(path) - smooth(33, 47).astype(float)
    assert np.abs(difference).mean() < 3
    assert load_photo(path).bits == 8


def test_webp_and_avif_keep_alpha(tmp_path: Path) -> None:
    photo = photo_of(8, alpha=True)
    save_photo(photo, tmp_path / "a.webp")
    assert np.array_equal(load_photo(tmp_path / "a.webp").alpha, photo.alpha)
    save_photo(photo, tmp_path / "a.avif")
    difference = load_photo(tmp_path / "a.avif").alpha - photo.alpha.astype(float)
    assert np.abs(difference).mean() < 3


def test_webp_keeps_the_colours_under_transparent_pixels(tmp_path: Path) -> None:
    photo = Photo(smooth(33, 47), np.zeros((33, 47), np.uint8))
    save_photo(photo, tmp_path / "a.webp")
    difference = load_photo(tmp_path / "a.webp").pixels - photo.pixels.astype(float)
    assert np.abs(difference).mean() < 3


def test_tiff_of_many_strips(tmp_path: Path) -> None:
    photo = Photo(noise(700, 300, 3, 16))
    save_photo(photo, tmp_path / "a.tif")
    assert len(opened(tmp_path / "a.tif").tag_v2[273]) > 3
    assert np.array_equal(read_by_others(tmp_path / "a.tif"), photo.pixels)


def test_tiff_is_deflated_and_pillow_agrees_on_its_pixels(tmp_path: Path) -> None:
    photo = photo_of(8, alpha=True)
    save_photo(photo, tmp_path / "a.tif")
    image = opened(tmp_path / "a.tif")
    assert image.tag_v2[259] == 8
    assert np.array_equal(np.asarray(image), np.dstack([photo.pixels, photo.alpha]))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_arrives_in_every_format(tmp_path: Path, suffix: str, bits: int) -> None:
    path = tmp_path / f"a{suffix}"
    save_photo(photo_of(bits), path)
    image = opened(path)
    exif = image.getexif()
    details = exif.get_ifd(0x8769)
    assert exif[0x010F] == "Kodak" and exif.get(0x0112, 1) == 1
    assert float(details[0x829A]) == 0.01 and float(details[0x9204]) == -1.5
    assert details[0x927C] == b"maker's own"
    assert (details[0xA002], details[0xA003]) == (47, 33)
    assert exif.get_ifd(0x8825)[1] == "N"
    assert [float(value) for value in exif.get_ifd(0x8825)[2]] == [46, 30, 1.5]
    image.load()
    assert image.info["icc_profile"] == srgb_profile()
    again = load_photo(path)
    assert again.xmp == XMP and again.icc == srgb_profile() and again.notes == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_table_inside_the_camera_s_own_arrives(tmp_path: Path, suffix: str) -> None:
    exif = exif_block(details={0xA005: {1: "R03"}})
    save_photo(Photo(smooth(8, 8), exif=exif), tmp_path / f"a{suffix}")
    again = Image.Exif()
    again.load(load_photo(tmp_path / f"a{suffix}").exif)
    assert again.get_ifd(0xA005)[1] == "R03"


@pytest.mark.parametrize("iptc", [IPTC, IPTC + b"\0"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_captions_arrive_or_a_sentence_says_that_they_do_not(
    tmp_path: Path, suffix: str, iptc: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    notes = save_photo(replace(photo_of(8), iptc=iptc), path)
    again = load_photo(path)
    assert again.xmp == XMP and again.icc == srgb_profile() and again.exif is not None
    if not FORMAT_OF_SUFFIX[suffix].has_iptc:
        assert again.iptc is None and len(notes) == 1 and "IPTC" in notes[0]
        return
    assert notes == () and again.iptc == iptc
    others = IptcImagePlugin.getiptcinfo(opened(path))
    assert others is not None
    assert (others[2, 80], others[2, 120]) == (b"Anna", "café".encode())


def test_captions_too_long_for_a_jpeg_are_left_out_alone(tmp_path: Path) -> None:
    photo = replace(photo_of(8), iptc=IPTC + bytes(66_000))
    (note,) = save_photo(photo, tmp_path / "a.jpg")
    again = load_photo(tmp_path / "a.jpg")
    assert "IPTC" in note and again.iptc is None and again.xmp == XMP and again.exif is not None
    assert save_photo(photo, tmp_path / "a.tif") == ()
    assert load_photo(tmp_path / "a.tif").iptc == photo.iptc


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_metadata_is_invented(tmp_path: Path, suffix: str) -> None:
    save_photo(Photo(smooth(8, 8)), tmp_path / f"a{suffix}")
    again = load_photo(tmp_path / f"a{suffix}")
    assert set(again.metadata) == {None}


def test_sixteen_bits_are_rounded_not_cut(tmp_path: Path) -> None:
    levels = np.array([0, 128, 129, 385, 386, 65406, 65407, 65535], np.uint16)
    flat = np.repeat(np.repeat(levels[None, :, None], 8, axis=1), 8, axis=0)
    photo = Photo(np.repeat(flat, 3, axis=2))
    save_photo(photo, tmp_path / "a.jpg")
    seen = read_by_others(tmp_path / "a.jpg")[4, 4::8, 0].tolist()
    assert seen == [0, 0, 1, 1, 2, 254, 255, 255]


def test_jpeg_keeps_full_colour_resolution(tmp_path: Path) -> None:
    save_photo(photo_of(8), tmp_path / "a.jpg")
    assert JpegImagePlugin.get_sampling(opened(tmp_path / "a.jpg")) == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_jpeg_shows_transparency_as_white(tmp_path: Path, bits: int) -> None:
    full = (1 << bits) - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    alpha = np.repeat(np.array([[0] * 8 + [full // 2] * 8 + [full] * 8], dtype), 8, axis=0)
    photo = Photo(np.zeros((8, 24, 3), dtype), alpha)
    notes = save_photo(photo, tmp_path / "a.jpg")
    assert any("white" in note for note in notes)
    seen = read_by_others(tmp_path / "a.jpg")[4, [3, 12, 20], 0].astype(int)
    assert np.abs(seen - [255, 128, 0]).max() <= 3
    opaque = Photo(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 255, np.uint8))
    assert save_photo(opaque, tmp_path / "b.jpg") == ()


def test_camera_data_too_long_for_a_jpeg_is_left_out_with_a_note(tmp_path: Path) -> None:
    photo = Photo(smooth(8, 8), exif=exif_block(details={0x927C: bytes(70_000)}), xmp=XMP)
    (note,) = save_photo(photo, tmp_path / "a.jpg")
    assert "EXIF" in note
    again = load_photo(tmp_path / "a.jpg")
    assert again.exif is None and again.xmp == XMP
    assert save_photo(photo, tmp_path / "a.png") == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_camera_data_does_not_stop_a_result(tmp_path: Path, suffix: str) -> None:
    photo = Photo(smooth(8, 8), exif=b"Exif\0\0nonsense")
    (note,) = save_photo(photo, tmp_path / f"a{suffix}")
    assert "EXIF" in note and load_photo(tmp_path / f"a{suffix}").exif is None


def test_formats_have_limits(tmp_path: Path) -> None:
    wide = Photo(np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(PhotoError, match="PNG or TIFF"):
        save_photo(wide, tmp_path / "a.webp")
    assert save_photo(wide, tmp_path / "a.png") == ()


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    for name in ("a.gif", "a", "a.jpg.txt"):
        with pytest.raises(PhotoError, match=r"\.jpg, \.png"):
            save_photo(photo_of(8), tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_real_camera_data_arrives(
    tmp_path: Path, example: Callable[[str], Path], suffix: str
) -> None:
    source = load_photo(example("noisy_2_ep3_iso1600.jpg"))
    small = source.with_pixels(np.zeros((8, 8, 3), np.uint8))
    assert save_photo(small, tmp_path / f"a{suffix}") == ()
    before, after = Image.Exif(), Image.Exif()
    before.load(source.exif)
    after.load(load_photo(tmp_path / f"a{suffix}").exif)
    assert after[0x0110] == before[0x0110]
    lens, lens_again = before.get_ifd(0x8769), after.get_ifd(0x8769)
    stored = {0xA002, 0xA003, 0xA005}
    assert {tag: lens[tag] for tag in lens if tag not in stored} == {
        tag: lens_again[tag] for tag in lens_again if tag not in stored
    }


# Nothing is lost.


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Photo]:
    """A loaded photo, and afterwards a look at whether its file is what it was."""
    path = tmp_path / "source.png"
    path.write_bytes(png16(noise(20, 20, 3, 16)))
    before = path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest()
    yield load_photo(path)
    assert before == (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest())


def test_the_source_is_never_replaced(
    source: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "link.png").symlink_to("source.png")
    os.link(source.path, tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for name in ("source.png", "album/../source.png", "link.png", "hard.png"):
        for path in (tmp_path / name, Path(name)):
            for overwrite in (False, True):
                with pytest.raises(PhotoError, match="photo itself"):
                    save_photo(source, path, overwrite=overwrite)


def test_the_place_of_a_vanished_source_is_not_taken(tmp_path: Path) -> None:
    photo = Photo(smooth(4, 4), path=tmp_path / "gone.png")
    with pytest.raises(PhotoError, match="photo itself"):
        save_photo(photo, tmp_path / "gone.png", overwrite=True)


def test_a_result_is_not_replaced_without_consent(source: Photo, tmp_path: Path) -> None:
    result = tmp_path / "result.png"
    save_photo(source, result)
    before = result.read_bytes()
    with pytest.raises(PhotoExistsError, match="already exists"):
        save_photo(Photo(smooth(9, 9)), result)
    assert result.read_bytes() == before
    save_photo(Photo(smooth(9, 9)), result, overwrite=True)
    assert load_photo(result).size == (9, 9)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_result_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    result = tmp_path / "result.png"
    link = os.link

    def too_late(part: Path, target: Path) -> None:
        result.write_bytes(b"someone else's")
        if not has_links:
            raise OSError(errno.EPERM, "Operation not permitted")
        link(part, target)

    monkeypatch.setattr(os, "link", too_late)
    with pytest.raises(PhotoExistsError):
        save_photo(Photo(smooth(9, 9)), result)
    assert result.read_bytes() == b"someone else's"
    assert os.listdir(tmp_path) == ["result.png"]


def test_folders_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", raising(errno.EPERM))
    save_photo(Photo(smooth(9, 9)), tmp_path / "a.png")
    assert load_photo(tmp_path / "a.png").size == (9, 9)
    assert os.listdir(tmp_path) == ["a.png"]


def test_consent_keeps_permissions_and_follows_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept.png"
    kept.write_bytes(b"old")
    kept.chmod(0o640)
    (tmp_path / "link.png").symlink_to(kept)
    atomic_write(tmp_path / "link.png", b"new", overwrite=True)
    assert kept.read_bytes() == b"new" and kept.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link.png").is_symlink()
    with pytest.raises(PhotoExistsError):
        atomic_write(tmp_path / "link.png", b"newer", overwrite=False)


def test_a_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(b"")
    atomic_write(tmp_path / "new", b"data", overwrite=False)
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "any").stat().st_mode


SENTENCES = {
    errno.ENOSPC: "disk is full.*needs 1 MB; nothing was written",
    errno.EDQUOT: "disk is full",
    errno.EACCES: "read-only",
    errno.EROFS: "read-only",
    errno.EIO: "cannot be written",
}


@pytest.mark.parametrize("code", SENTENCES)
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failing_disk_leaves_everything_as_it_was(
    source: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    step: str, code: int, overwrite: bool,
) -> None:  # fmt: skip
    result = tmp_path / "result.png"
    if overwrite:
        result.write_bytes(b"an older result")
    before = sorted(os.listdir(tmp_path))
    with monkeypatch.context() as patched:
        if not overwrite:
            patched.setattr(os, "link", raising(errno.EPERM))  # so that replace is reached
        patched.setattr(os, step, raising(code))
        with pytest.raises(PhotoError, match=SENTENCES[code]) as caught:
            save_photo(source, result, overwrite=overwrite)
    assert "result.png" in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before
    assert not overwrite or result.read_bytes() == b"an older result"


def test_a_slow_disk_that_takes_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    atomic_write(tmp_path / "a", bytes(range(100)), overwrite=False)
    assert (tmp_path / "a").read_bytes() == bytes(range(100))


def test_a_broken_off_write_leaves_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "a", b"data", overwrite=False)
    assert os.listdir(tmp_path) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_room_in_fact(tmp_path: Path, suffix: str) -> None:
    result = tmp_path / f"a{suffix}"
    photo = Photo(noise(300, 300, 3, 8))
    with largest_file(10_000), pytest.raises(PhotoError, match="disk is full"):
        save_photo(photo, result)
    assert os.listdir(tmp_path) == []
    save_photo(photo, result)
    before = result.read_bytes()
    with largest_file(10_000), pytest.raises(PhotoError, match="disk is full"):
        save_photo(photo, result, overwrite=True)
    assert result.read_bytes() == before and os.listdir(tmp_path) == [result.name]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    with pytest.raises(PhotoError, match="read-only; choose another folder"):
        save_photo(photo_of(8), folder / "a.png")


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "album.png").mkdir()
    (tmp_path / "device.png").symlink_to(os.devnull)
    for name, reason in (
        ("nowhere/a.png", "nowhere does not exist"),
        ("album.png", "not an ordinary file"),
        ("device.png", "not an ordinary file"),
        ("n" * 252 + ".png", "too long"),
    ):
        with pytest.raises(PhotoError, match=reason):
            save_photo(photo_of(8), tmp_path / name, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["album.png", "device.png"]


NAMES = ["📷 写真.png", "line\nbreak.png", "-rf '\".png", "n" * 251 + ".png"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path: Path, name: str, overwrite: bool) -> None:
    save_photo(photo_of(8), tmp_path / name, overwrite=overwrite)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode here")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_that_are_not_utf8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff\xfe" + suffix.encode())
    save_photo(photo_of(8), path)
    with pytest.raises(PhotoExistsError) as caught:
        save_photo(photo_of(8), path)
    str(caught.value).encode()
    load_photo(path)


REWRITE = """
import sys
from gdp_desktop.image.writing import atomic_write
for turn in range(10**9):
    atomic_write(sys.argv[1], bytes([turn % 256]) * 300_000, overwrite=True)
    if turn == 0:
        print("begun", flush=True)
"""


def test_a_killed_program_leaves_a_complete_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    root = Path(files.__file__).parents[2]
    for turn in range(6):
        command = [sys.executable, "-c", REWRITE, str(path)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(0.02 + 0.007 * turn)
            child.kill()
        data = path.read_bytes()
        assert len(data) == 300_000 and len(set(data)) == 1


def test_the_source_may_vanish_after_loading(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png16(noise(9, 9, 3, 16)))
    photo = load_photo(path)
    path.unlink()
    save_photo(photo, tmp_path / "b.png")
    assert np.array_equal(load_photo(tmp_path / "b.png").pixels, noise(9, 9, 3, 16))


@pytest.mark.parametrize("given", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_scan_stays_as_large_in_print(given: str, suffix: str, tmp_path: Path) -> None:
    """Its resolution is all that a scanner tells, and not in EXIF."""
    source = tmp_path / f"scan.{given.lower()}"
    Image.fromarray(smooth(20, 30)).save(source, format=given, dpi=(600, 300))
    target = tmp_path / f"result{suffix}"
    save_photo(load_photo(source), target)
    with Image.open(target) as image:
        exif, told = image.getexif(), image.info.get("dpi")
    assert [float(exif[tag]) for tag in (0x011A, 0x011B)] == pytest.approx([600, 300], abs=0.02)
    assert exif[0x0128] == 2
    if suffix in (".png", ".tif", ".tiff"):  # they have a place of their own for it
        assert told == pytest.approx((600, 300), abs=0.02)


@pytest.mark.parametrize(("unit", "expected"), [(2, 300), (3, 762), (1, None)])
def test_png_says_how_large_it_is_in_print_as_its_camera_data_does(
    unit: int, expected: int | None, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = unit
    save_photo(Photo(smooth(20, 30), exif=exif.tobytes()), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        found = image.info.get("dpi")
    assert found == (expected and pytest.approx((expected, expected), abs=0.02))


def test_no_resolution_is_made_up(tmp_path: Path) -> None:
    Image.fromarray(smooth(20, 30)).save(tmp_path / "a.png")
    assert load_photo(tmp_path / "a.png").exif is None

