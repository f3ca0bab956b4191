"""The formats of photos: their names, their endings, and what a file of each can hold."""

from collections.abc import Sequence
from typing import NamedTuple


class PhotoFormat(NamedTuple):
    """A kind of file that photos are read from and results saved to.

    ``name`` is Pillow's, ``title`` is what sentences call it. ``bits`` per channel are the most it
    is saved with, and ``longest_side`` the most pixels across or down, None without a limit.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    bits: int = 8
    has_alpha: bool = True
    has_iptc: bool = False
    longest_side: int | None = None


FORMATS = (
    PhotoFormat("JPEG", "JPEG", (".jpg", ".jpeg"), has_alpha=False, has_iptc=True,
                longest_side=65500),
    PhotoFormat("PNG", "PNG", (".png",), bits=16),
    PhotoFormat("TIFF", "TIFF", (".tif", ".tiff"), bits=16, has_iptc=True),
    PhotoFormat("WEBP", "WebP", (".webp",), longest_side=16383),
    PhotoFormat("AVIF", "AVIF", (".avif",), longest_side=32768),
)
FORMAT_OF_SUFFIX = {ending: format for format in FORMATS for ending in format.endings}
PHOTO_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)


def either(words: Sequence[str]) -> str:
    """The words as a choice: "a, b or c"."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


FORMAT_TITLES = either([format.title for format in FORMATS])
FORMAT_ENDINGS = either([format.endings[0] for format in FORMATS])
