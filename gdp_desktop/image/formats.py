"""The formats of photos: their names, their endings, and what a file of each can hold."""

from importlib.util import find_spec
from typing import NamedTuple

from gdp_desktop.words import either


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


class CameraFormat(NamedTuple):
    """A kind of file that cameras write and this program only reads, with a package that need not
    be installed."""

    title: str
    endings: tuple[str, ...]
    module: str
    package: str

    @property
    def is_readable(self) -> bool:
        return find_spec(self.module) is not None


FORMATS = (
    PhotoFormat("JPEG", "JPEG", (".jpg", ".jpeg"), has_alpha=False, has_iptc=True,
                longest_side=65500),
    PhotoFormat("PNG", "PNG", (".png",), bits=16),
    PhotoFormat("TIFF", "TIFF", (".tif", ".tiff"), bits=16, has_iptc=True),
    PhotoFormat("WEBP", "WebP", (".webp",), longest_side=16383),
    PhotoFormat("AVIF", "AVIF", (".avif",), longest_side=32768),
)
HEIC = CameraFormat("HEIC", (".heic", ".heif", ".hif"), "pillow_heif", "pillow-heif")
RAW = CameraFormat(
    "camera raw",
    (".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw",
     ".orf", ".pef", ".raf", ".rw2", ".srw"),
    "rawpy", "rawpy",
)
CAMERA_FORMATS = (HEIC, RAW)

_READABLE = tuple(format for format in CAMERA_FORMATS if format.is_readable)

FORMAT_OF_SUFFIX = {ending: format for format in FORMATS for ending in format.endings}
SAVED_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
OPENED_SUFFIXES = SAVED_SUFFIXES.union(*(format.endings for format in _READABLE))

_TITLES = [format.title for format in FORMATS]
SAVED_TITLES = either(_TITLES)
OPENED_TITLES = either(_TITLES + [format.title for format in _READABLE])
SAVED_ENDINGS = either([format.endings[0] for format in FORMATS])
