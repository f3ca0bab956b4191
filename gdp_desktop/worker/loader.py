"""Files are read and written on a thread of their own, so that no window waits for a disk, and
folders are searched on another one, so that no photo waits for a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, Slot

from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.files import Version, find_photos, result_path, version_of
from gdp_desktop.image.mask import Mask, load_mask, save_mask
from gdp_desktop.image.photo import Photo, load_photo, save_photo, save_under_free_name
from gdp_desktop.image.pyramid import Pyramid
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import Cancelled, CancelToken, Finished, Recipe
from gdp_desktop.restoration.restore import saved_beside
from gdp_desktop.worker.display import display_pyramid
from gdp_desktop.worker.threads import stop_thread

# Nothing is lost by not waiting for a search.
SEARCH_MILLISECONDS = 2000

Work = Callable[[], object]


@dataclass(frozen=True, eq=False)
class Request:
    """A photo that is to be opened; each click is another one, also on the same photo."""

    path: Path


Subject = Request | Finished | Photo | None


@dataclass(frozen=True, eq=False)
class Opened:
    """A photo from a file, which may change later, with what the screen shows of it."""

    request: Request
    photo: Photo
    pyramid: Pyramid
    version: Version | None

    @property
    def path(self) -> Path:
        return self.request.path


@dataclass(frozen=True, eq=False)
class Result:
    """A finished restoration, with what the screen shows of it."""

    finished: Finished
    pyramid: Pyramid

    @property
    def photo(self) -> Photo:
        return self.finished.photo

    @property
    def bytes(self) -> int:
        """In memory."""
        return self.finished.bytes + sum(level.nbytes for level in self.pyramid.levels)


@dataclass(frozen=True, eq=False)
class Saved:
    """``amount`` of ``photo`` is in the file ``path``, and its by-products are in the files
    ``beside`` that.

    ``notes`` say what the format could not hold.
    """

    photo: Photo
    amount: float
    path: Path
    notes: tuple[str, ...]
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class LoadedMask:
    """A mask and the photo that it was opened for."""

    mask: Mask
    photo: Photo


@dataclass(frozen=True, eq=False)
class SavedMask:
    """The mask, which is in a file now."""

    mask: Mask


@dataclass(frozen=True, eq=False)
class Found:
    """The photos in what was dropped or chosen, and a sentence for each thing without any; and what
    was to be done with them at that moment."""

    paths: tuple[Path, ...]
    problems: tuple[str, ...]
    recipe: Recipe
    mask: Mask | None


@dataclass(frozen=True)
class Failed:
    """``subject`` is the request to open a photo, the result that was to be prepared, or the photo
    that was to be saved."""

    sentence: str
    subject: Subject = None


def _open(request: Request) -> Opened:
    # Before it is read: what changes in between counts as changed later.
    version = version_of(request.path)
    photo = load_photo(request.path)
    return Opened(request, photo, display_pyramid(photo), version)


def _prepare(finished: Finished) -> Result:
    return Result(finished, display_pyramid(finished.photo))


def _save(finished: Finished, mix: Mix, path: Path, overwrite: bool) -> Saved:
    notes = save_photo(mix.of(finished.photo), path, overwrite=overwrite)
    return _saved(finished, mix, path, notes)


def _save_beside(finished: Finished, mix: Mix, source: Path, folder: Path | None) -> Saved:
    target = result_path(source, folder)
    return _saved(finished, mix, *save_under_free_name(mix.of(finished.photo), target))


def _saved(finished: Finished, mix: Mix, path: Path, notes: tuple[str, ...]) -> Saved:
    # Nobody was asked whether files beside the result may be replaced.
    beside, unsaved = saved_beside(path, dict(finished.by_products), overwrite=False)
    files = tuple(map(Path, beside.values()))
    return Saved(finished.photo, mix.amount, path, notes + unsaved, files)


def _open_mask(path: Path, photo: Photo) -> LoadedMask:
    return LoadedMask(load_mask(path, photo.size), photo)


def _save_mask(mask: Mask, path: Path) -> SavedMask:
    save_mask(mask, path, overwrite=True)
    return SavedMask(mask)


def _find(
    paths: tuple[Path, ...], recipe: Recipe, mask: Mask | None, cancel: CancelToken
) -> Found:
    given, problems = [], []
    for path in paths:
        try:
            given += find_photos([path], cancel.raise_if_cancelled)
        except PhotoError as error:
            problems.append(str(error))
    # Once more together, as a photo may have been given beside its folder.
    together = find_photos(given, cancel.raise_if_cancelled)
    return Found(tuple(together), tuple(problems), recipe, mask)


class _Worker(QObject):
    """Lives in one of the loader's threads."""

    ended = Signal(object)

    @Slot(object, object)
    def do(self, work: Work, subject: Subject) -> None:
        try:
            self.ended.emit(work())
        except Cancelled:
            return
        except Exception as error:
            named = shown(subject.path) if isinstance(subject, Request) else "The photo"
            self.ended.emit(Failed(sentence_of(error, named), subject))


class Loader(QObject):
    """Lives in the GUI thread; what was asked for comes back as a signal, in the same order but for
    what is searched for."""

    opened = Signal(object)
    prepared = Signal(object)
    saved = Signal(object)
    mask_loaded = Signal(object)
    mask_saved = Signal(object)
    found = Signal(object)
    failed = Signal(str)
    save_failed = Signal(object, str)
    prepare_failed = Signal(object, str)
    _asked = Signal(object, object)
    _asked_to_search = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: Request | None = None
        self._cancel = CancelToken()
        self._worker, self._searcher = _Worker(), _Worker()
        self._thread, self._search = QThread(), QThread()
        self._asked.connect(self._worker.do)
        self._asked_to_search.connect(self._searcher.do)
        for worker, thread in ((self._worker, self._thread), (self._searcher, self._search)):
            worker.moveToThread(thread)
            worker.ended.connect(self._hand_on)
            thread.start()

    def open(self, path: Path) -> None:
        """Only the photo that was asked for last is announced."""
        self._wanted = Request(path)
        self._asked.emit(partial(_open, self._wanted), self._wanted)

    def prepare(self, finished: Finished) -> None:
        self._asked.emit(partial(_prepare, finished), finished)

    def save(self, finished: Finished, mix: Mix, path: Path, *, overwrite: bool) -> None:
        self._asked.emit(partial(_save, finished, mix, path, overwrite), finished.photo)

    def save_beside(
        self, finished: Finished, mix: Mix, source: Path, folder: Path | None = None
    ) -> None:
        """As NAME-restored.EXT, numbered if that is there already; into ``folder``, if given."""
        self._asked.emit(partial(_save_beside, finished, mix, source, folder), finished.photo)

    def find(self, paths: Iterable[Path], recipe: Recipe, mask: Mask | None = None) -> None:
        """Folders are searched to the bottom, which may take a while on a network."""
        work = partial(_find, tuple(paths), recipe, mask, self._cancel)
        self._asked_to_search.emit(work, None)

    def open_mask(self, path: Path, photo: Photo) -> None:
        self._asked.emit(partial(_open_mask, path, photo), None)

    def save_mask(self, mask: Mask, path: Path) -> None:
        """The mask must not change any more: give a copy."""
        self._asked.emit(partial(_save_mask, mask, path), None)

    def shutdown(self, milliseconds: int = 60_000) -> bool:
        """Waits for what is being written, which a slow disk may need; False if that was longer,
        or a folder does not answer."""
        self._cancel.cancel()
        has_written = stop_thread(self._thread, milliseconds)
        return stop_thread(self._search, min(milliseconds, SEARCH_MILLISECONDS)) and has_written

    @Slot(object)
    def _hand_on(self, result: object) -> None:
        match result:
            case Opened(request) if request is self._wanted:
                self.opened.emit(result)
            case Result():
                self.prepared.emit(result)
            case Saved():
                self.saved.emit(result)
            case LoadedMask():
                self.mask_loaded.emit(result)
            case SavedMask(mask):
                self.mask_saved.emit(mask)
            case Found():
                self.found.emit(result)
            case Failed(sentence, Finished() as finished):
                self.prepare_failed.emit(finished, sentence)
            case Failed(sentence, Photo() as photo):
                self.save_failed.emit(photo, sentence)
            case Failed(sentence, subject) if subject is None or subject is self._wanted:
                self.failed.emit(sentence)
