"""Names of files: which are photos, where a result and a mask go, and whether a file changed."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.formats import OPENED_SUFFIXES, SAVED_SUFFIXES

RESULT_MARK = "-restored"
MASK_MARK, MASK_SUFFIX = "-mask", ".png"

# NAME-restored, -restored-2, of another sample -restored-s3, and by-products -restored.hdr.
_RESULT_STEM = re.compile(rf"{RESULT_MARK}(-s\d+)?(-\d+)?(\.\w+(-\d+)?)?$", re.IGNORECASE)
_NAME_BYTES = 255
_ROOM_FOR_NUMBER = len("-9999")


def find_photos(
    paths: Iterable[str | os.PathLike[str]], go_on: Callable[[], None] = lambda: None
) -> list[Path]:
    """The photos that the user meant: files as given, folders searched to the bottom.

    In a folder, hidden files, other kinds of files, our own results and the masks beside photos are
    passed over; every photo is listed once. Raises PhotoError for a missing path and for a folder
    without photos, and what ``go_on``, which is called again and again, raises to end the search.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not os.fspath(path):  # which would mean the folder one is in
            raise PhotoError("An empty name was given; name a photo or a folder.")
        for photo in _meant_by(Path(path), go_on):
            go_on()
            found.setdefault(os.path.realpath(photo), photo)
    return list(found.values())


def _meant_by(path: Path, go_on: Callable[[], None]) -> list[Path]:
    if not os.path.lexists(path):
        raise PhotoError(f"{shown(path)} does not exist; look for its new place.")
    if not path.is_dir():
        return [path]
    try:
        os.listdir(path)
    except OSError as error:
        raise PhotoError(
            f"The folder {shown(path)} may not be read; ask its owner for permission."
        ) from error
    photos = list(_photos_below(path, go_on))
    if not photos:
        raise PhotoError(f"The folder {shown(path)} holds no photos; choose another one.")
    return photos


def _photos_below(folder: Path, go_on: Callable[[], None]) -> Iterator[Path]:
    walked = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        go_on()
        real = os.path.realpath(parent)
        if real in walked:  # a link that leads back up would go round for ever
            folders.clear()
            continue
        walked.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        photos = sorted(name for name in names if _is_photo_name(name))
        masks = {mask_path(name).name for name in photos}
        paths = (Path(parent, name) for name in photos if name not in masks)
        yield from (path for path in paths if path.is_file())


def _is_photo_name(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    is_hidden_or_other = name.startswith(".") or suffix.lower() not in OPENED_SUFFIXES
    return not is_hidden_or_other and not _RESULT_STEM.search(stem)


def mask_path(source: str | os.PathLike[str]) -> Path:
    """NAME-mask.png beside the source."""
    source = Path(source)
    return source.with_name(f"{source.stem}{MASK_MARK}{MASK_SUFFIX}")


def result_path(
    source: str | os.PathLike[str], out_dir: str | os.PathLike[str] | None = None
) -> Path:
    """NAME-restored.EXT beside the source or in ``out_dir``; EXT is the source's.

    An ending that cannot be saved becomes .png, and a name too long for a file system is cut.
    """
    source = Path(source)
    ending = source.suffix
    if ending.lower() not in SAVED_SUFFIXES:
        ending = ".png"
    room = _NAME_BYTES - len(os.fsencode(RESULT_MARK + ending)) - _ROOM_FOR_NUMBER
    stem = source.stem
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return Path(out_dir or source.parent) / f"{stem}{RESULT_MARK}{ending}"


def free_path(path: str | os.PathLike[str]) -> Path:
    """The first ``numbered`` name that is not there yet."""
    return next(name for name in numbered(Path(path)) if not os.path.lexists(name))


def numbered(path: Path) -> Iterator[Path]:
    """``path``, NAME-2.EXT, NAME-3.EXT, …"""
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names, of files that need not be there, mean the same file."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there (yet)
        return os.path.realpath(one) == os.path.realpath(other)


class Version(NamedTuple):
    """Tells a file from what it was before somebody changed it."""

    nanoseconds: int
    bytes: int


def version_of(path: Path) -> Version | None:
    """None if the file cannot be looked at; reading it will tell why."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return Version(facts.st_mtime_ns, facts.st_size)
