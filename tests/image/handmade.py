"""Pictures made by hand, byte by byte where a library would help the wrong side."""

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin
from PIL.TiffImagePlugin import IFDRational

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description
 tiff:Orientation="1" dc:title="caf\xc3\xa9"/></rdf:RDF></x:xmpmeta>"""

# Coded character set: UTF-8; by-line; caption: each a record of IPTC's own block.
IPTC = b"\x1c\x01\x5a\0\x03\x1b%G" b"\x1c\x02\x50\0\x04Anna" b"\x1c\x02\x78\0\x05caf\xc3\xa9"


def noise(height: int, width: int, channels: int, bits: int) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(1).integers(0, 1 << bits, shape, dtype=dtype)


def smooth(height: int, width: int) -> np.ndarray:
    """RGB8 without fine detail, different in every corner: JPEG changes it by next to nothing."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(255 * np.dstack([x, y, (1 - x) * (1 - y)])).astype(np.uint8)


def avif(array: np.ndarray, bits: int, exif: bytes | None = None) -> bytes:
    """Without loss; the values of `array` have `bits` bits."""
    order = [2, 1, 0, 3][: array.shape[-1]]
    pixels = array if array.ndim == 2 else np.ascontiguousarray(array[..., order])
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    kinds = [cv2.IMAGE_METADATA_EXIF] if exif else []
    blocks = [np.frombuffer(exif, np.uint8)] if exif else []
    done, data = cv2.imencodeWithMetadata(".avif", pixels, kinds, blocks, options)
    assert done
    return data.tobytes()


def png16(array: np.ndarray, chunks: bytes = b"") -> bytes:
    height, width = array.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def tiff(array: np.ndarray, tags: dict[int, object] | None = None) -> bytes:
    """A deflated TIFF of one strip; `tags` add to or replace what describes a plain photo."""
    height, width = array.shape[:2]
    count = 1 if array.ndim == 2 else array.shape[2]
    strip = zlib.compress(array.tobytes())
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    plain = {256: width, 257: height, 258: (8 * array.itemsize,) * count, 259: 8, 277: count}
    plain |= {262: 2 if count >= 3 else 1, 273: 0, 278: height, 279: len(strip), 284: 1}
    if count == 4:
        plain[338] = 2
    for tag, value in (plain | (tags or {})).items():
        directory[tag] = value
    file = io.BytesIO()
    directory.save(file)
    return file.getvalue() + strip


def dng(levels: np.ndarray, orientation: int = 1) -> bytes:
    """A raw file of a camera that sees sRGB: the levels (H, W) of red, green / green, blue pixels,
    linear in the light, 12 bits."""
    height, width = levels.shape
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    of_xyz = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434,
              -0.2040259, 1.0572252)
    kinds = {33421: 3, 33422: 1, 50706: 1, 50717: 4, 50721: 10, 50728: 5}
    tags = {
        254: 0, 256: width, 257: height, 258: 16, 259: 1, 262: 32803, 271: "Kodak", 272: "One",
        273: 0, 274: orientation, 277: 1, 278: height, 279: 2 * levels.size, 284: 1,
        33421: (2, 2), 33422: bytes([0, 1, 1, 2]), 50706: bytes([1, 4, 0, 0]), 50708: "Kodak One",
        50717: 4095, 50728: (1, 1, 1),
        50721: tuple(IFDRational(round(10000 * value), 10000) for value in of_xyz),
    }
    directory.tagtype.update(kinds)
    for tag, value in tags.items():
        directory[tag] = value
    file = io.BytesIO()
    directory.save(file)
    return file.getvalue() + levels.astype("<u2").tobytes()


def pillow_bytes(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif_block(orientation: int = 1, details: dict[int, object] | None = None) -> bytes:
    block = Image.Exif()
    block[0x010F] = "Kodak"
    block[0x0112] = orientation
    block.get_ifd(0x8769).update({0x829A: 0.01, 0xA002: 4000, 0xA003: 3000} | (details or {}))
    block.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 1.5)})
    return block.tobytes()


@cache  # it holds the second it was made in
def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile(space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A minimal ICC profile of version 2."""
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    size = start + len(body)
    date = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    white = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(">I4xI", size, 0x02400000) + b"prtr" + space + pcs + date + b"acsp"
    return header.ljust(68, b"\0") + white.ljust(60, b"\0") + table + body


def white_point() -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)


def grey_profile() -> bytes:
    """Linear light, so that converting it to sRGB makes middle grey clearly lighter."""
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    return profile(b"GRAY", b"XYZ ", {b"wtpt": white_point(), b"kTRC": curve})


def cmyk_profile() -> bytes:
    """Ink makes everything red: no plain conversion from CMYK would."""
    ramp = bytes(range(256))
    paper, red = (255, 128, 128), (128, 220, 190)
    corners = [red if any(ink) else paper for ink in np.ndindex(2, 2, 2, 2)]
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel().tolist())
    clut = bytes(value for corner in corners for value in corner)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + 4 * ramp + clut + 3 * ramp
    return profile(b"CMYK", b"Lab ", {b"wtpt": white_point(), b"A2B0": table})
