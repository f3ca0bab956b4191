"""A photo: its pixels, and what must survive when they are restored."""

import contextlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from gdp_desktop.image.decoding import decode
from gdp_desktop.image.encoding import encode
from gdp_desktop.image.errors import PhotoError, PhotoExistsError, shown
from gdp_desktop.image.files import free_path, is_same_file
from gdp_desktop.image.formats import FORMAT_OF_SUFFIX, SAVED_ENDINGS
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.metadata import Metadata
from gdp_desktop.image.writing import atomic_write, refuse_target

MAX_FILE_BYTES = 2_000_000_000


@dataclass(frozen=True, eq=False)
class Photo:
    """Upright RGB pixels (H, W, 3), uint8 or uint16, with the facts of the file they came from.

    ``alpha`` is (H, W) of the same dtype, or None. Both arrays are read-only. ``path`` is the
    source, never written to, ``format`` is the title of its format, ``exif`` begins with
    "Exif", no ``icc`` means sRGB. ``notes`` are sentences the user should see.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    path: Path | None = None
    format: str = "PNG"
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise ValueError(f"pixels must be (H, W, 3), not {pixels.shape}")
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, not {pixels.dtype}")
        object.__setattr__(self, "pixels", _read_only(pixels))
        if alpha is None:
            return
        if alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype:
            raise ValueError(f"alpha {alpha.shape} {alpha.dtype} does not fit the pixels")
        object.__setattr__(self, "alpha", _read_only(alpha))

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)

    @property
    def bits(self) -> int:
        """8 or 16 per channel."""
        return 8 * self.pixels.itemsize

    @property
    def is_grey(self) -> bool:
        """Whether no pixel has a colour."""
        red, green, blue = (self.pixels[..., channel] for channel in range(3))
        return np.array_equal(red, green) and np.array_equal(green, blue)

    @property
    def metadata(self) -> Metadata:
        return Metadata(self.icc, self.exif, self.xmp, self.iptc)

    def to_unit(self) -> np.ndarray:
        """The pixels as float32 (H, W, 3) in [0, 1]."""
        return self.pixels / np.float32(np.iinfo(self.pixels.dtype).max)

    def with_pixels(self, pixels: np.ndarray) -> "Photo":
        """The same photo with other pixels (H, W, 3) of its own depth; a new size resizes the
        alpha too."""
        height, width = pixels.shape[:2]
        return replace(self, pixels=pixels, alpha=_resized(self.alpha, Size(width, height)))


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _resized(alpha: np.ndarray | None, size: Size) -> np.ndarray | None:
    if alpha is None or alpha.shape == size.shape:
        return alpha
    shrinks = size.pixels < alpha.size
    return cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def load_photo(path: str | os.PathLike[str]) -> Photo:
    """Read a file of any format of at most MAX_MEGAPIXELS, upright and in its own depth.

    The bytes are read once, so the file may change or vanish afterwards. Raises PhotoError.
    """
    path = Path(path)
    decoded = decode(_bytes_of(path), shown(path))
    notes = decoded.notes + _note_on_name(path, decoded.format)
    return Photo(
        decoded.pixels, decoded.alpha, path, decoded.format, *decoded.metadata, notes=notes
    )


def _bytes_of(path: Path) -> bytes:
    name = shown(path)
    try:
        # Opening a named pipe would wait for a writer, so look before opening.
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(f"{name} is a folder; choose a photo in it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError(f"{name} is not an ordinary file; choose a photo.")
        if status.st_size > MAX_FILE_BYTES:
            raise PhotoError(f"{name} is larger than 2 GB; save it as a smaller file first.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError(f"{name} does not exist; look for its new place.") from error
    except PermissionError as error:
        raise PhotoError(f"{name} may not be read; ask its owner for permission.") from error
    except (OSError, ValueError) as error:
        raise PhotoError(f"{name} cannot be read ({_reason(error)}); try another copy.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _note_on_name(path: Path, format: str) -> tuple[str, ...]:
    claimed = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if claimed is None or claimed.title == format:
        return ()
    return (f"The file is really a {format} file, although its name ends in {path.suffix}.",)


def save_photo(
    photo: Photo, path: str | os.PathLike[str], *, overwrite: bool = False
) -> tuple[str, ...]:
    """Write the photo in the format that the suffix of ``path`` names; complete or not at all.

    Returns sentences on what the format could not hold. Raises PhotoError, and PhotoExistsError
    when something of that name is there and may not be replaced. The source is never replaced.
    """
    path = Path(path)
    format = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if format is None:
        raise PhotoError(
            f"{shown(path)} cannot be saved; choose a name ending in {SAVED_ENDINGS}."
        )
    if photo.path is not None and is_same_file(photo.path, path):
        raise PhotoError(f"{shown(path)} is the photo itself; choose another name for the result.")
    refuse_target(path, overwrite=overwrite)
    data, notes = encode(photo.pixels, photo.alpha, photo.metadata, format, shown(path))
    atomic_write(path, data, overwrite=overwrite)
    return notes


def save_under_free_name(
    photo: Photo, path: str | os.PathLike[str]
) -> tuple[Path, tuple[str, ...]]:
    """Write the photo as ``path``, or numbered if that is there already, even if something takes
    the name in that very moment; returns where, and the sentences of ``save_photo``."""
    while True:
        free = free_path(path)
        with contextlib.suppress(PhotoExistsError):
            return free, save_photo(photo, free)
