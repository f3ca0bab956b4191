"""Captions, keywords and credits in IPTC's own block (IIM 4), which agencies and archives read."""

import struct

import numpy as np
from PIL import Image, JpegImagePlugin, TiffImagePlugin

_IPTC_RESOURCE = 0x0404
_EVERY_RECORD_BEGINS = b"\x1c"
_LONGEST_SEGMENT = 65533


def iptc_of(image: Image.Image) -> bytes | None:
    """The block of an open JPEG or TIFF as it came; None where there is none that can be read."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        block = image.info.get("photoshop", {}).get(_IPTC_RESOURCE, b"")
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        # As it lies in the file: read as a tag, numbers but the first would be lost.
        block = image.tag_v2._tagdata.get(TiffImagePlugin.IPTC_NAA_CHUNK, b"")
        if not block.startswith(_EVERY_RECORD_BEGINS):
            block = _each_four_turned(block)
    else:
        return None
    return block if block.startswith(_EVERY_RECORD_BEGINS) else None


def _each_four_turned(block: bytes) -> bytes:
    """Some programs write the block as 32-bit numbers, as TIFF once wanted, in the file's order."""
    whole = len(block) // 4 * 4
    return np.frombuffer(block[:whole], "<u4").byteswap().tobytes()


def jpeg_segment(iptc: bytes) -> bytes:
    """The block as Photoshop puts it into a JPEG (APP13), where all others look for it.

    Raises ValueError for one that is too long for a JPEG.
    """
    resource = struct.pack(">4sHxxL", b"8BIM", _IPTC_RESOURCE, len(iptc)) + iptc
    content = b"Photoshop 3.0\0" + resource + b"\0" * (len(iptc) % 2)
    if len(content) + 2 > _LONGEST_SEGMENT:
        raise ValueError("the IPTC block is too long for a JPEG")
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
