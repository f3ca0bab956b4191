"""Which photos a command line means, and where their results go."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gdp_desktop.commands.errors import BadUsage
from gdp_desktop.image.errors import PhotoError, printable, shown
from gdp_desktop.image.files import find_photos, is_same_file, numbered, result_path
from gdp_desktop.image.formats import CAMERA_FORMATS, SAVED_ENDINGS, SAVED_SUFFIXES
from gdp_desktop.image.photo import load_photo
from gdp_desktop.image.writing import refuse_target

# The brightness, of [0, 1], that an exposure meter aims at.
WELL_EXPOSED = 0.42


class Input(NamedTuple):
    """A photo to restore, or something given in vain and the sentence that says why.

    ``others`` are further photos of its scene, for a task that takes them.
    """

    path: Path
    error: str | None = None
    others: tuple[Path, ...] = ()


def meant_photos(given: Iterable[str], mask: Path | None = None) -> list[Input]:
    """Every photo once, in the order given, without the ``mask``; what is missing or empty is
    listed with its error."""
    found: dict[str, Input] = {}
    for text in given:
        try:
            for photo in find_photos([text]):
                if mask is None or not is_same_file(photo, mask):
                    found.setdefault(os.path.realpath(photo), Input(photo))
        except PhotoError as error:
            found.setdefault(text, Input(Path(text), str(error)))
    return list(found.values())


def meant_scenes(given: Iterable[str], mask: Path | None = None) -> list[Input]:
    """Photos of one scene as one input each: all files that were given are a scene, and so are the
    photos of every folder.  The best exposed one goes first and names the result.

    Of files that were given, all are wanted: without one of them there is no scene."""
    scenes: dict[Path | None, list[Path]] = {}
    in_vain = []
    for text in given:
        for found in meant_photos([text], mask):
            if found.error:
                in_vain.append(found)
            else:
                folder = found.path.parent if Path(text).is_dir() else None
                scenes.setdefault(folder, []).append(found.path)
    if in_vain:
        scenes.pop(None, None)
    return [*map(_scene, scenes.values()), *in_vain]


def _scene(photos: list[Path]) -> Input:
    # A link to a photo is no further exposure.
    files: dict[str, Path] = {}
    for photo in photos:
        files.setdefault(os.path.realpath(photo), photo)
    photos = list(files.values())
    try:
        first = min(photos, key=_exposure_error)
    except PhotoError as error:
        return Input(photos[0], str(error), tuple(photos[1:]))
    return Input(first, None, tuple(photo for photo in photos if photo != first))


def _exposure_error(path: Path) -> float:
    pixels = load_photo(path).pixels[::8, ::8]
    return abs(float(pixels.mean()) / np.iinfo(pixels.dtype).max - WELL_EXPOSED)


def refuse_no_folder(photos: Path) -> None:
    """Raises BadUsage if what was given with --photos is no folder."""
    if not photos.is_dir():
        raise BadUsage(f"{printable(photos)} is not a folder; give one with --photos.")


def output_folder(folder: Path) -> Path:
    """The folder given with -o, made if it is missing."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise BadUsage(f"{printable(folder)} is not a folder; give a folder with -o.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadUsage(
            f"The folder {printable(folder)} cannot be made ({reason}); give another one with -o."
        ) from error
    return folder


class Place(NamedTuple):
    """Where results go: as this one ``file``, or under names of their own into a ``folder`` or, if
    that is None, beside their photos."""

    folder: Path | None = None
    file: Path | None = None


def place_for(results: int, given: Path) -> Place:
    """What was given with -o: a file if it is named like a photo, else a folder, which is made if
    it is missing."""
    if given.is_dir():
        return Place(folder=output_folder(given))
    if given.suffix.lower() not in SAVED_SUFFIXES:
        if _names_a_picture(given):
            raise BadUsage(
                f"A result cannot be saved as {shown(given)}; choose {SAVED_ENDINGS}, or give a "
                "folder with -o."
            )
        return Place(folder=output_folder(given))
    if results > 1:
        raise BadUsage(
            f"{printable(given)} names one file for {results} results; give a folder with -o."
        )
    output_folder(given.parent)
    return Place(file=given)


def _names_a_picture(path: Path) -> bool:
    Image.init()
    of_cameras = itertools.chain.from_iterable(format.endings for format in CAMERA_FORMATS)
    return path.suffix.lower() in {*Image.registered_extensions(), *of_cameras}


class Targets:
    """Gives each photo of a run a name of its own for its result.

    No name leads to one of the inputs, or to what this run has written before: --overwrite is
    about results of earlier runs.
    """

    def __init__(self, inputs: Iterable[Path], place: Place, overwrite: bool) -> None:
        self._place, self._overwrite = place, overwrite
        self._taken = {_identity(path) for path in inputs}
        self._inputs = frozenset(self._taken)
        # NAME without its ending: what is found beside a result is called NAME.kernel.png.
        self._stems: set[str] = set()

    def claim(self, source: Path, sample: int = 1) -> Path:
        """The file that was asked for, or NAME-restored.EXT, NAME-restored-s2.EXT for another
        sample.

        Raises PhotoError if nothing can be written there, before the long work.
        """
        target = self._place.file or self._free_name(source, sample)
        if _identity(target) in self._taken or self._would_share_what_is_beside(target):
            raise PhotoError(
                f"{shown(target)} would take the place of something that was given; choose another "
                "name with -o."
            )
        refuse_target(target, overwrite=self._overwrite)
        self._taken.add(_identity(target))
        self._stems.add(_identity(target.with_suffix("")))
        return target

    def _free_name(self, source: Path, sample: int) -> Path:
        wished = result_path(source, self._place.folder)
        if sample > 1:
            wished = wished.with_stem(f"{wished.stem}-s{sample}")
        return next(name for name in numbered(wished) if self._is_free(name))

    def _is_free(self, name: Path) -> bool:
        if _identity(name) in self._taken or self._would_share_what_is_beside(name):
            return False
        return self._overwrite or not os.path.lexists(name)

    def _would_share_what_is_beside(self, name: Path) -> bool:
        """Whether a by-product of this result, as NAME.kernel.png, could be one of the inputs, or
        that of another result of this run."""
        stem = _identity(name.with_suffix(""))
        beside = stem + "."
        return stem in self._stems or any(
            "." in path.removeprefix(beside) for path in self._inputs if path.startswith(beside)
        )


def _identity(path: Path) -> str:
    # Most desktop file systems do not tell upper case from lower case.
    return os.path.realpath(path).casefold()
