"""Pixels and what belongs to them → the bytes of a file."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.formats import PhotoFormat
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.iptc import jpeg_segment
from gdp_desktop.image.metadata import (
    EXIF_START,
    Metadata,
    directories,
    pixels_per_metre,
    upright_exif,
)

_QUALITY = 95
_STRIP_BYTES = 1 << 18
# Twice as fast as zlib's own choice, for 4 % more bytes of a camera photo.
_DEFLATE_LEVEL = 3
# This speed takes a quarter of the default's time, for 1.5 % more bytes. One thread gives other
# bytes than several, so their number must not be the machine's.
_AVIF: dict[str, str | int] = {"subsampling": "4:4:4", "speed": 8, "max_threads": 4}

_EIGHT_OF_SIXTEEN = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)


def encode(
    pixels: np.ndarray, alpha: np.ndarray | None, metadata: Metadata, format: PhotoFormat, name: str
) -> tuple[bytes, tuple[str, ...]]:
    """The file's bytes, and sentences on what this format cannot hold.

    ``pixels`` (H, W, 3) and ``alpha`` (H, W) or None are uint8 or uint16; ``name`` is what the
    sentences of a PhotoError call the file.
    """
    refuse_long_side(Size(pixels.shape[1], pixels.shape[0]), format, name)
    notes: list[str] = []
    if format.bits == 8 and pixels.dtype == np.uint16:
        pixels, alpha = to_eight_bits(pixels), None if alpha is None else to_eight_bits(alpha)
        notes.append("Saved with 8 bits per channel; choose PNG or TIFF to keep 16.")
    if not format.has_alpha and alpha is not None:
        if int(alpha.min()) < 255:
            notes.append(
                f"Transparent parts were filled with white, as {format.title} has no transparency."
            )
        pixels, alpha = _on_white(pixels, alpha), None
    if not format.has_iptc and metadata.iptc:
        metadata = metadata._replace(iptc=None)
        notes.append(f"The captions (IPTC) were left out, as {format.title} has no place for them.")
    channels = pixels if alpha is None else np.dstack([pixels, alpha])
    metadata = _of_size(metadata, Size(pixels.shape[1], pixels.shape[0]), notes)
    data = _with_what_fits(_ENCODERS[format.name], channels, metadata, name, notes)
    return data, tuple(notes)


def to_eight_bits(array: np.ndarray) -> np.ndarray:
    """A uint16 array rounded to uint8; a uint8 array as it is."""
    return array if array.dtype == np.uint8 else _EIGHT_OF_SIXTEEN[array]


def refuse_long_side(size: Size, format: PhotoFormat, name: str) -> None:
    """Raises PhotoError where a file of this format cannot be so wide or high."""
    limit = format.longest_side
    if limit and max(size) > limit:
        raise PhotoError(
            f"{name} cannot be saved, as {format.title} holds at most {limit} pixels across and "
            "down; choose PNG or TIFF."
        )


def _on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = alpha[..., None].astype(np.uint16)
    return ((pixels * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


def _of_size(metadata: Metadata, size: Size, notes: list[str]) -> Metadata:
    """The restored photo may be larger than the one its EXIF speaks of."""
    if metadata.exif is None:
        return metadata
    try:
        return metadata._replace(exif=upright_exif(metadata.exif, size))
    except ValueError:
        notes.append("The camera data (EXIF) is damaged and was left out.")
        return metadata._replace(exif=None)


def _with_what_fits(
    encoder: Callable[[np.ndarray, Metadata], bytes],
    channels: np.ndarray,
    metadata: Metadata,
    name: str,
    notes: list[str],
) -> bytes:
    """Encode with all metadata, else with less of it: a result is worth more than its labels."""
    attempts = (
        (metadata, ""),
        (metadata._replace(iptc=None), "The captions (IPTC)"),
        (metadata._replace(xmp=None), "The XMP data"),
        (metadata._replace(exif=None), "The camera data (EXIF)"),
        (Metadata(icc=metadata.icc), "The captions and the camera data (IPTC, EXIF and XMP)"),
        (Metadata(), "The colour profile, the captions and the camera data"),
    )
    failure: Exception | None = None
    for kept, lost in attempts:
        if lost and kept == metadata:
            continue
        try:
            data = encoder(channels, kept)
        except MemoryError as error:
            raise PhotoError(
                f"There is not enough memory to save {name}; close other programs and try again."
            ) from error
        except Exception as error:  # encoders raise nearly everything over odd metadata
            failure = error
            continue
        if lost:
            notes.append(f"{lost} could not be written to this file and was left out.")
        return data
    raise PhotoError(f"{name} cannot be encoded; choose another format.") from failure


def _jpeg(channels: np.ndarray, metadata: Metadata) -> bytes:
    captions = jpeg_segment(metadata.iptc) if metadata.iptc else b""
    return _by_pillow(
        channels, metadata, "JPEG", quality=_QUALITY, subsampling=0, extra=captions
    )


def _webp(channels: np.ndarray, metadata: Metadata) -> bytes:
    # exact keeps the colours under transparent pixels.
    return _by_pillow(channels, metadata, "WEBP", quality=_QUALITY, exact=True)


def _avif(channels: np.ndarray, metadata: Metadata) -> bytes:
    return _by_pillow(channels, metadata, "AVIF", quality=_QUALITY, **_AVIF)


def _by_pillow(
    channels: np.ndarray, metadata: Metadata, format: str, **options: int | bool | bytes | str
) -> bytes:
    named = {"icc_profile": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
    carried = {name: value for name, value in named.items() if value}
    file = io.BytesIO()
    Image.fromarray(channels).save(file, format, **options, **carried)
    return file.getvalue()


def _png(channels: np.ndarray, metadata: Metadata) -> bytes:
    """8 or 16 bits by cv2, with the metadata chunks put in behind the header."""
    has_alpha = channels.shape[2] == 4
    order = cv2.COLOR_RGBA2BGRA if has_alpha else cv2.COLOR_RGB2BGR
    done, buffer = cv2.imencode(".png", cv2.cvtColor(channels, order))
    if not done:
        raise ValueError("cv2 could not encode the pixels")
    data = memoryview(buffer.tobytes())
    header = 8 + 25  # the signature and IHDR
    return b"".join([data[:header], *_png_chunks(metadata), data[header:]])


def _png_chunks(metadata: Metadata) -> list[bytes]:
    chunks = []
    if metadata.icc:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        chunks.append(_chunk(b"eXIf", metadata.exif.removeprefix(EXIF_START)))
        # Where most programs look for the size in print.
        if told := pixels_per_metre(metadata.exif):
            chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *told, 1)))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _tiff(channels: np.ndarray, metadata: Metadata) -> bytes:
    """8 or 16 bits, deflated, with all metadata.

    Written here because Pillow fails on camera data in a compressed TIFF and has no 16-bit RGB,
    and cv2 writes no metadata at all.
    """
    height, width, count = channels.shape
    rows = max(1, _STRIP_BYTES // channels[0].nbytes)
    strips = [_strip(channels[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    if metadata.exif:
        for tag, value in directories(metadata.exif).items():
            directory[tag] = value
    if metadata.xmp:
        directory[TiffImagePlugin.XMP] = metadata.xmp
    if metadata.iptc:
        directory[TiffImagePlugin.IPTC_NAA_CHUNK] = metadata.iptc
    if metadata.icc:
        directory[TiffImagePlugin.ICCPROFILE] = metadata.icc
    directory[TiffImagePlugin.IMAGEWIDTH] = width
    directory[TiffImagePlugin.IMAGELENGTH] = height
    directory[TiffImagePlugin.BITSPERSAMPLE] = (8 * channels.itemsize,) * count
    directory[TiffImagePlugin.SAMPLEFORMAT] = (1,) * count
    directory[TiffImagePlugin.SAMPLESPERPIXEL] = count
    directory[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = 2  # RGB
    directory[TiffImagePlugin.PLANAR_CONFIGURATION] = 1  # RGBRGB…
    directory[TiffImagePlugin.COMPRESSION] = 8  # deflate
    directory[TiffImagePlugin.PREDICTOR] = 2  # differences to the left
    directory[TiffImagePlugin.ROWSPERSTRIP] = rows
    # Pillow adds the end of the directory to these.
    directory[TiffImagePlugin.STRIPOFFSETS] = tuple(np.cumsum([0, *lengths[:-1]]).tolist())
    directory[TiffImagePlugin.STRIPBYTECOUNTS] = tuple(lengths)
    if count == 4:
        directory[TiffImagePlugin.EXTRASAMPLES] = 2  # straight alpha
    file = io.BytesIO()
    directory.save(file)
    file.writelines(strips)
    return file.getvalue()


def _strip(rows: np.ndarray) -> bytes:
    steps = rows.copy()
    steps[:, 1:] -= rows[:, :-1]
    return zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), _DEFLATE_LEVEL)


_ENCODERS = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp, "AVIF": _avif}
