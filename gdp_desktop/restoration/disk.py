"""Whether a result will fit on the disk, told before the work on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from gdp_desktop.image.errors import PhotoError, printable, shown
from gdp_desktop.image.formats import FORMAT_OF_SUFFIX
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import Photo

MB = 1_000_000
# Pure noise does not shrink; filter bytes, checksums and headers come on top.
GROWTH, HEADERS = 1.02, 16_384
# (h, w, 3) in 32-bit float.
PICTURE_BYTES = 12


def largest_file(photo: Photo, size: Size, suffix: str) -> int:
    """Bytes that a result of this size can take at most, saved as ``suffix`` with the photo's
    depth, transparency, profile and camera data.

    No format stores more than the bare values: measured on noise, the worst of pictures, 3.0 bytes
    per pixel for PNG and TIFF, 2.9 for JPEG and 1.1 for WebP at the program's quality.
    """
    format = FORMAT_OF_SUFFIX[suffix.lower()]
    channels = 4 if format.has_alpha and photo.alpha is not None else 3
    depth = min(photo.bits, format.bits) // 8
    carried = sum(len(part) for part in photo.metadata if part)
    return round(GROWTH * channels * depth * size.pixels) + carried + HEADERS


def refuse_full_disk(photo: Photo, size: Size, target: Path, pictures_beside: int) -> None:
    """Raises PhotoError with both figures if the result, and the float pictures saved beside it,
    may not fit into the target's folder.

    A file that it replaces stays until the new one is complete, so its room does not count.
    """
    needed = largest_file(photo, size, target.suffix)
    needed += pictures_beside * (round(GROWTH * PICTURE_BYTES * size.pixels) + HEADERS)
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError:  # what is wrong with the folder is said when the file is written
        return
    if needed > free:
        raise PhotoError(
            f"The result of {shown(photo.path or target)} may take up to {-(-needed // MB)} MB "
            f"and {free // MB} MB are free in {printable(target.parent)}; make room or choose "
            "another folder."
        )
