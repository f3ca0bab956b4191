"""EXIF, XMP, IPTC and ICC as bytes: kept as they came, except where they would become untrue.

Here an EXIF block always begins with the six bytes that JPEG puts before it.
"""

import io
import re
import struct
from typing import NamedTuple

from PIL import Image

from gdp_desktop.image.geometry import Size

EXIF_START = b"Exif\x00\x00"
ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
IMAGE_WIDTH, IMAGE_HEIGHT = 0x0100, 0x0101
EXIF_WIDTH, EXIF_HEIGHT = 0xA002, 0xA003
EXPOSURE_TIME, F_NUMBER, ISO_SPEED = 0x829A, 0x829D, 0x8827
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
PER_INCH, PER_CENTIMETRE = 2, 3
SHORT, LONG = 3, 4

# What a TIFF says about the photo; the rest of its tags say how its own bytes are stored.
# Description, Make, Model, resolution, Software, DateTime, Artist, HostComputer, Rating,
# Copyright, and the five titles that Windows Explorer writes.
DESCRIPTIVE_TAGS = (
    *(0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C),
    *(0x4746, 0x4749, 0x8298, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F),
)

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[0-9]""")
# What XMP says of a file's own pixels and of what was appended to it, gain maps and films of phones
# among them; a result has none of it.
_OF_THE_FILE = (
    rb"(?:tiff:Image(?:Width|Length)|exif:Pixel[XY]Dimension|xmpNote:HasExtendedXMP"
    rb"|(?:hdrgm|HDRGainMap|GCamera|GContainer|Container|GDepth|GImage|GAudio):\w+)"
)
_ATTRIBUTE_OF_THE_FILE = re.compile(rb"""\s%b\s?=\s?(?:"[^"]*"|'[^']*')""" % _OF_THE_FILE)
_ELEMENT_OF_THE_FILE = re.compile(rb"<(%b)(?:\s[^<>]*)?>" % _OF_THE_FILE)


class Metadata(NamedTuple):
    """What travels with the pixels; None where the file had none."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


def with_start(exif: bytes | None) -> bytes | None:
    """The block as this program carries it; None for an empty one."""
    if not exif or exif == EXIF_START:
        return None
    return exif if exif.startswith(EXIF_START) else EXIF_START + exif


def upright_exif(exif: bytes, size: Size | None = None) -> bytes:
    """The block for pixels that stand upright, with ``size`` written in if it is told.

    Patched in place, because a rewritten block would break the camera's own maker notes. The
    embedded thumbnail is unlinked: it shows the photo before it was turned or restored.
    Raises ValueError for a block that cannot be followed.
    """
    block = bytearray(exif)
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(block[6:8])]
        (first,) = struct.unpack_from(order + "L", block, 10)
        true = {ORIENTATION: 1}
        if size:
            true |= {IMAGE_WIDTH: size.width, IMAGE_HEIGHT: size.height}
        next_link = _patch(block, order, first, true)
        struct.pack_into(order + "L", block, next_link, 0)
        for entry in _entries(block, order, first):
            if size and entry.tag == EXIF_IFD:
                (offset,) = struct.unpack_from(order + "L", block, entry.position)
                _patch(block, order, offset, {EXIF_WIDTH: size.width, EXIF_HEIGHT: size.height})
    except (KeyError, struct.error) as error:
        raise ValueError("the EXIF block is damaged") from error
    return bytes(block)


class _Entry(NamedTuple):
    """A line of a directory; its value, or where that lies, is at ``position``."""

    tag: int
    kind: int
    position: int


def _entries(block: bytearray, order: str, ifd: int) -> list[_Entry]:
    """The directory at ``ifd``, in which a damaged file may have a tag twice."""
    (count,) = struct.unpack_from(order + "H", block, 6 + ifd)
    found = []
    for start in range(8 + ifd, 8 + ifd + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", block, start)
        found.append(_Entry(tag, kind, start + 8))
    return found


def _patch(block: bytearray, order: str, ifd: int, values: dict[int, int]) -> int:
    """Overwrite single numbers in a directory; returns where its link to the next one lies."""
    entries = _entries(block, order, ifd)
    for entry in entries:
        value = values.get(entry.tag)
        if value is not None and entry.kind == LONG:
            struct.pack_into(order + "L", block, entry.position, value)
        elif value is not None and entry.kind == SHORT and value <= 0xFFFF:
            struct.pack_into(order + "H", block, entry.position, value)
    return 8 + ifd + 12 * len(entries)


def exif_of_resolution(image: Image.Image) -> bytes | None:
    """How large the photo is in print, where its file says so in a place of its own (JFIF, pHYs):
    a scan has no other camera data, and a block of EXIF can be carried into any format."""
    try:
        across, down = (float(dpi) for dpi in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (1 < across < 1e6 and 1 < down < 1e6):
        return None
    exif = Image.Exif()
    exif[X_RESOLUTION], exif[Y_RESOLUTION], exif[RESOLUTION_UNIT] = across, down, PER_INCH
    return with_start(exif.tobytes())


def pixels_per_metre(exif: bytes) -> tuple[int, int] | None:
    """Across and down, of a photo whose EXIF block says how large it is in print."""
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        per_metre = {PER_INCH: 1 / 0.0254, PER_CENTIMETRE: 100.0}[parsed[RESOLUTION_UNIT]]
        told = round(parsed[X_RESOLUTION] * per_metre), round(parsed[Y_RESOLUTION] * per_metre)
    except Exception:  # it does not say so, or is damaged
        return None
    return told if all(0 < n < 2**31 for n in told) else None


def directories(exif: bytes) -> dict[int, dict | object]:
    """The block as one directory that a TIFF can hold: descriptive tags, camera and GPS tables."""
    parsed = Image.Exif()
    parsed.load(exif)
    return described(parsed)


def described(parsed: Image.Exif) -> dict[int, dict | object]:
    """The descriptive part of what Pillow has read, without the tags of a file's own layout."""
    kept = {tag: parsed[tag] for tag in DESCRIPTIVE_TAGS if tag in parsed}
    for tag in (EXIF_IFD, GPS_IFD):
        if table := dict(parsed.get_ifd(tag)):
            if INTEROP_IFD in table:
                table[INTEROP_IFD] = dict(parsed.get_ifd(INTEROP_IFD))
            kept[tag] = table
    return kept


def exif_of_tiff(image: Image.Image) -> bytes | None:
    """The descriptive part of an open TIFF as an EXIF block; None when it says nothing."""
    return _block_of(image.getexif())


def exif_of_raw(data: bytes) -> bytes | None:
    """The descriptive part of a camera's raw file that is built like a TIFF, as most are."""
    if not data.startswith((b"II*\0", b"MM\0*")):
        return None
    parsed = Image.Exif()
    parsed.load_from_fp(io.BytesIO(data))
    return _block_of(parsed)


def _block_of(parsed: Image.Exif) -> bytes | None:
    kept = described(parsed)
    if not kept:
        return None
    block = Image.Exif()
    for tag, value in kept.items():
        block[tag] = value
    return with_start(block.tobytes())


def exif_of(image: Image.Image) -> bytes | None:
    """The EXIF block of an open JPEG, PNG or WebP; None when it has none."""
    # ImageMagick writes EXIF into a PNG as hexadecimal text, which only getexif() can read.
    if "exif" not in image.info and "Raw profile type exif" in image.info:
        return with_start(image.getexif().tobytes())
    return with_start(image.info.get("exif"))


def orientation_of(image: Image.Image) -> int:
    """How the stored pixels are turned, EXIF's 1…8."""
    try:
        exif = image.getexif()
        if image.format in ("AVIF", "HEIF"):
            # These are turned by a box of their own, here told as EXIF: XMP does not count.
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
        turn = int(exif.get(ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse the photo
        return 1
    return turn if 1 <= turn <= 8 else 1


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet of an open file, saying that its pixels stand upright and nothing of their
    number or of what follows them; None without one."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not xmp:
        return None
    packet = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    upright = _XMP_ORIENTATION.sub(rb"\g<1>1", packet)
    return _without_elements_of_the_file(_ATTRIBUTE_OF_THE_FILE.sub(b"", upright))


def _without_elements_of_the_file(packet: bytes) -> bytes:
    """One way through the packet, however long and damaged it is, which a pattern for whole
    elements would walk again from every one that does not end."""
    kept, done = [], 0
    for begin in _ELEMENT_OF_THE_FILE.finditer(packet):
        if begin.start() < done:  # within one that is left out
            continue
        end = begin.end()
        if not begin[0].endswith(b"/>"):
            closing = b"</%b>" % begin[1]
            last = packet.find(closing, end)
            if last < 0:
                break
            end = last + len(closing)
        kept.append(packet[done : begin.start()])
        done = end
    return b"".join([*kept, packet[done:]])


def light_gathered(exif: bytes | None) -> float | None:
    """Exposure time × ISO / f-number², what is not said being 1; None without an exposure time."""
    if exif is None:
        return None
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        details = parsed.get_ifd(EXIF_IFD)
        time, aperture, speed = (
            float(details.get(tag) or 1) for tag in (EXPOSURE_TIME, F_NUMBER, ISO_SPEED)
        )
        light = time * speed / aperture**2
    except Exception:  # damaged camera data, or numbers that are none
        return None
    return light if EXPOSURE_TIME in details and 0 < light < float("inf") else None
