"""The bytes of a file → upright RGB pixels of its own depth, and what belongs to them.

Pillow reads what has 8 bits per channel, and the metadata of everything. OpenCV reads what has
more, which Pillow would silently cut to 8.
"""

import io
import os
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin

from gdp_desktop.image.avif_file import HDR_TRANSFERS, bits_of_avif, transfer_of_avif
from gdp_desktop.image.camera_files import Raw, deep_heic, opened_heic
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.formats import FORMATS, HEIC, OPENED_TITLES, RAW, SAVED_TITLES
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.iptc import iptc_of
from gdp_desktop.image.metadata import (
    ORIENTATION,
    Metadata,
    exif_of,
    exif_of_raw,
    exif_of_resolution,
    exif_of_tiff,
    orientation_of,
    upright_exif,
    xmp_of,
)
from gdp_desktop.image.profiles import colour_space, is_for_grey, to_srgb

File = TypeVar("File")

MAX_MEGAPIXELS = 200

# Pillow warns at 89 megapixels and refuses at 179, before anyone can say how large the photo is.
# Our own limit is checked right after the header is read and before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = None

_OPENED = tuple(format.name for format in FORMATS)
_TITLES = {"MPO": "JPEG", "HEIF": HEIC.title} | {format.name: format.title for format in FORMATS}
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_EIGHT_BIT_MODES = frozenset("1 L LA La P PA RGB RGBA RGBa RGBX CMYK YCbCr".split())

_BITS, _PHOTOMETRIC, _PLANES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 284, 338, 339
_DNG_VERSION = 50706
_DAMAGED_EXIF = "The camera data (EXIF) is damaged and was left out."
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PREMULTIPLIED, _STRAIGHT = 1, 2
_FLOATS = 3


class Decoded(NamedTuple):
    """A file's photo: pixels (H, W, 3) and alpha (H, W) or None, both uint8 or both uint16."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    format: str
    metadata: Metadata
    notes: tuple[str, ...]


class _Channels(NamedTuple):
    pixels: np.ndarray
    alpha: np.ndarray | None
    icc: bytes | None


def decode(data: bytes, name: str) -> Decoded:
    """Read a whole file; ``name`` is what error sentences call it.

    Raises PhotoError for anything that is not a complete photo of at most MAX_MEGAPIXELS.
    """
    image = _opened(data, name)
    if _is_raw(image, name):
        raw = Raw(data, name)
        size, read = raw.size, partial(_developed, raw, data)
    elif image is not None:
        size, read = Size(*image.size), partial(_decoded, image, data)
    else:
        raise PhotoError(_why_not_opened(data, name))
    _refuse_too_large(size, name)
    try:
        return read([])
    except PhotoError as error:
        raise PhotoError(f"{name} {error}") from error
    except MemoryError as error:
        raise PhotoError(
            f"There is not enough memory to open {name}; close other programs and try again."
        ) from error
    # Decoders raise nearly every type of exception on damaged bytes.
    except Exception as error:
        raise PhotoError(
            f"{name} is damaged or cut off before its end; open another copy of it."
        ) from error


def _opened(data: bytes, name: str) -> Image.Image | None:
    """The file with its header read; None for what is no picture or of a kind unknown to Pillow."""
    if not data:
        raise PhotoError(f"{name} is empty; open another copy of it.")
    try:
        return Image.open(io.BytesIO(data), formats=_OPENED)
    except Exception:  # of any type, on damaged bytes
        if data[4:8] != b"ftyp" or data[8:12] not in _HEIC_BRANDS:
            return None
    try:
        return opened_heic(data, name)
    except PhotoError:
        raise
    except Exception:
        return None


def _why_not_opened(data: bytes, name: str) -> str:
    if _holds_floats(data):
        return f"{name} holds floating-point values; save it as 8- or 16-bit RGB first."
    if data.startswith(_SIGNATURES) or data[8:12] == b"WEBP" or data[4:8] == b"ftyp":
        return (
            f"{name} is damaged, or a rare kind of picture that cannot be read; "
            f"save it again as {SAVED_TITLES}."
        )
    if kind := _other_format(data):
        return (
            f"{name} is a {kind} file, which cannot be restored; save it as {SAVED_TITLES} first."
        )
    return f"{name} is not a picture; choose a {OPENED_TITLES} file."


def _holds_floats(data: bytes) -> bool:
    """Whether it is a TIFF of floating-point values, of which Pillow opens grey ones alone."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        file = io.BytesIO(data)
        file.seek(directory.next)
        directory.load(file)
        return _FLOATS in directory[_SAMPLE_FORMAT]
    except Exception:  # of any type: it is no TIFF, or a damaged one
        return False


def _other_format(data: bytes) -> str | None:
    try:
        return Image.open(io.BytesIO(data)).format
    except Exception:  # nothing knows it, or what knows it finds it damaged
        return None


def _is_raw(image: Image.Image | None, name: str) -> bool:
    """A camera's raw file is often a TIFF on the outside, and would be read as its thumbnail."""
    has_raw_suffix = os.path.splitext(name)[1].lower() in RAW.endings
    if image is None:
        return has_raw_suffix
    return image.format == "TIFF" and (has_raw_suffix or _DNG_VERSION in _tags(image))


def _refuse_too_large(size: Size, name: str) -> None:
    if size.pixels > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(
            f"{name} is too large ({size.width} × {size.height} pixels); "
            f"reduce it to {MAX_MEGAPIXELS} megapixels or less."
        )


def _developed(raw: Raw, data: bytes, notes: list[str]) -> Decoded:
    """A camera's raw file. Its XMP is left out: it tells other programs how to develop what is
    developed now."""
    pixels = raw.developed()
    exif = _exif_by(exif_of_raw, data, notes)
    exif = _true_exif(exif, Size(pixels.shape[1], pixels.shape[0]), notes)
    return Decoded(pixels, None, RAW.title, Metadata(exif=exif), tuple(notes))


def _decoded(image: Image.Image, data: bytes, notes: list[str]) -> Decoded:
    _note_frames(image, data, notes)
    is_tiff = image.format == "TIFF"
    # A TIFF is turned while its pixels load, and then no longer knows what it knew before.
    iptc = iptc_of(image)
    exif = _exif_by(exif_of_tiff, image, notes) if is_tiff else None
    channels = _channels(image, data, notes)
    # Other formats are asked last, as a PNG may hold its metadata behind the pixels.
    exif = exif if is_tiff else _exif_by(exif_of, image, notes) or exif_of_resolution(image)
    # cv2 turns a TIFF by this tag but does not know that XMP may have one, too.
    turn = 1 if ORIENTATION in _tags(image) else orientation_of(image)
    pixels = _turned(channels.pixels, turn)
    alpha = None if channels.alpha is None else _turned(channels.alpha, turn)
    exif = _true_exif(exif, Size(pixels.shape[1], pixels.shape[0]), notes)
    title = _TITLES[str(image.format)]
    metadata = Metadata(channels.icc, exif, xmp_of(image), iptc)
    return Decoded(pixels, alpha, title, metadata, tuple(notes))


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """The array as EXIF ``orientation`` 1…8 wants it shown."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _exif_by(
    read: Callable[[File], bytes | None], file: File, notes: list[str]
) -> bytes | None:
    try:
        return read(file)
    except Exception:  # any, on a damaged block
        notes.append(_DAMAGED_EXIF)
        return None


def _true_exif(exif: bytes | None, size: Size, notes: list[str]) -> bytes | None:
    try:
        return exif and upright_exif(exif, size)
    except ValueError:
        notes.append(_DAMAGED_EXIF)
        return None


def _note_frames(image: Image.Image, data: bytes, notes: list[str]) -> None:
    if image.format == "TIFF":
        # Counting pages moves through the file, so another reader does it.
        image = Image.open(io.BytesIO(data), formats=_OPENED)
    try:
        # A phone's MPO is one photo, followed by what its maker adds (preview, depth, gain map).
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception:  # a damaged second page does not harm the first
        return
    if frames > 1:
        notes.append(f"Only the first of {frames} pictures in the file was read.")


def _channels(image: Image.Image, data: bytes, notes: list[str]) -> _Channels:
    if _is_hdr(image, data):
        notes.append("It was made for a screen of high dynamic range; its colours may look flat.")
    if _is_sixteen_bit(image, data):
        return _sixteen_bit(image, data, notes)
    if image.mode not in _EIGHT_BIT_MODES:
        raise PhotoError(
            f"has pixels of an unusual kind ({image.mode}); save it as 8- or 16-bit RGB first."
        )
    if max(_tags(image).get(_BITS, (8,))) > 8:
        notes.append("Its pixels were read with 8 bits per channel.")
    image.load()
    return _eight_bit(image, notes)


def _tags(image: Image.Image) -> Any:  # noqa: ANN401 - Pillow's directory type has no stubs
    """The TIFF directory; an empty mapping for other formats."""
    return getattr(image, "tag_v2", {})


def _is_hdr(image: Image.Image, data: bytes) -> bool:
    if image.format == "HEIF":
        return image.info.get("nclx_profile", {}).get("transfer_characteristics") in HDR_TRANSFERS
    return image.format == "AVIF" and transfer_of_avif(data) in HDR_TRANSFERS


def _is_sixteen_bit(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG":
        return data[24] == 16  # IHDR always comes first, and this is its bit depth
    if image.format == "AVIF":
        return bits_of_avif(data) > 8
    if image.format == "HEIF":
        return image.info["bit_depth"] > 8
    tags = _tags(image)
    return (
        set(tags.get(_BITS, ())) == {16}
        and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}
        and tags.get(_PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    )


def _sixteen_bit(image: Image.Image, data: bytes, notes: list[str]) -> _Channels:
    if _tags(image).get(_PLANES) == 2 and len(_tags(image)[_BITS]) > 1:
        # cv2 returns a wrong picture for these, without an error.
        raise PhotoError("keeps its colours in separate planes; save it as a 16-bit PNG first.")
    array = _deep(image, data)
    if array.dtype != np.uint16:
        raise ValueError("not what its header says")
    space = "GRAY" if array.ndim == 2 else "RGB"
    icc = _fitting_profile(image, (space,), notes)
    if icc and space == "GRAY":
        notes.append("Its grey colour profile was left out; treated as sRGB.")
        icc = None
    if _tags(image).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        array = 65535 - array
    if array.ndim == 2:
        # cv2 knows nothing of the one value that is transparent.
        clear = image.info.get("transparency")
        alpha = None if clear is None else np.where(array == clear, 0, 65535).astype(np.uint16)
        return _Channels(cv2.cvtColor(array, cv2.COLOR_GRAY2RGB), alpha, icc)
    if array.shape[2] == 3:
        return _Channels(array, None, icc)
    pixels, alpha = array[..., :3].copy(), array[..., 3].copy()
    return _Channels(*_true_alpha(image, pixels, alpha), icc)


def _deep(image: Image.Image, data: bytes) -> np.ndarray:
    """Pixels of more than 8 bits: grey (H, W), or RGB (H, W, 3), or with alpha (H, W, 4)."""
    if image.format == "HEIF":
        return deep_heic(data)
    if image.format == "PNG":
        image.load()  # which checks the file much more thoroughly than cv2
        data = _pixels_of_png(data)
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ValueError("not what its header says")
    if image.format == "AVIF":
        array = _of_sixteen_bits(array, bits_of_avif(data))
    if array.ndim == 2:
        return array
    return cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _of_sixteen_bits(array: np.ndarray, bits: int) -> np.ndarray:
    """Values of ``bits`` bits spread over all of 16, so that white stays white."""
    return (array << (16 - bits)) | (array >> (2 * bits - 16))


def _pixels_of_png(data: bytes) -> bytes:
    """The file with nothing but its pixels: cv2 may work for many seconds on a damaged rest."""
    kept, position = [data[:8]], 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        kind = data[position + 4 : position + 8]
        if kind in (b"IHDR", b"tRNS", b"IDAT") and end <= len(data):
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, b"\0\0\0\0IEND\xaeB`\x82"])


def _true_alpha(
    image: Image.Image, pixels: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """A TIFF says whether its fourth channel is alpha, and if so, of which of two kinds."""
    if image.format != "TIFF":
        return pixels, alpha
    kind = next(iter(_tags(image).get(_EXTRA_SAMPLES, ())), None)
    if kind == _STRAIGHT:
        return pixels, alpha
    if kind != _PREMULTIPLIED:
        return pixels, None
    share = np.maximum(alpha, 1)[..., None] / np.float32(65535)
    return np.rint(np.minimum(pixels / share, 65535)).astype(np.uint16), alpha


def _eight_bit(image: Image.Image, notes: list[str]) -> _Channels:
    if image.mode == "CMYK":
        return _Channels(np.asarray(_from_cmyk(image, notes)), None, None)
    grey = image.mode in ("1", "L", "LA", "La")
    icc = _fitting_profile(image, ("GRAY", "RGB") if grey else ("RGB",), notes)
    if not (image.has_transparency_data or image.mode == "La"):
        alpha = None
    else:
        image = image.convert("LA") if image.mode == "La" else image
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if grey and is_for_grey(icc):
        return _Channels(np.asarray(to_srgb(image.convert("L"), icc)), alpha, None)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return _Channels(np.asarray(rgb), alpha, icc)


def _from_cmyk(image: Image.Image, notes: list[str]) -> Image.Image:
    if icc := _fitting_profile(image, ("CMYK",), notes):
        notes.append("Converted from CMYK to RGB through its colour profile.")
        return to_srgb(image, icc)
    notes.append("Converted from CMYK to RGB without a colour profile; colours may differ.")
    return image.convert("RGB")


def _fitting_profile(image: Image.Image, spaces: tuple[str, ...], notes: list[str]) -> bytes | None:
    """The file's colour profile, if it is a readable one for pixels of one of these ``spaces``."""
    icc = image.info.get("icc_profile")
    if not icc:
        return None
    try:
        space = colour_space(icc)
    except Exception:  # garbage in, any exception out
        notes.append("Its colour profile is damaged; treated as sRGB.")
        return None
    if space in spaces:
        return icc
    notes.append(f"Its colour profile is for {space}, not for its pixels; treated as sRGB.")
    return None
