"""The results of the open photo, to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage

from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.job import Finished, Job
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.qimage import from_bgrx
from gdp_desktop.worker.loader import Result

MOST = 12
# Bytes of all results together; the levels that the screen shows are made anew when needed.
BUDGET = 1_000_000_000
THUMBNAIL = QSize(112, 72)
# Sharp on screens with twice the pixels, too.
SHARPNESS = 2


@dataclass(frozen=True, eq=False)
class Variation:
    """A result, the job it came from, and a small picture of it."""

    job: Job
    finished: Finished
    thumbnail: QImage

    def comes_from(self, job: Job) -> bool:
        """Whether the job is the same request, whose result would be the same."""
        mine = self.job
        same_request = (mine.recipe, mine.others) == (job.recipe, job.others)
        return same_request and mine.mask is job.mask


class Variations(QObject):
    """The newest last; when there are too many, or they are too large, the oldest goes."""

    changed = Signal()

    def __init__(self, document: Document, budget: int = BUDGET) -> None:
        super().__init__(document)
        self._budget = budget
        self._all: list[Variation] = []
        document.opened.connect(self._forget)

    @property
    def all(self) -> tuple[Variation, ...]:
        return tuple(self._all)

    def of(self, photo: Photo | None) -> Variation | None:
        return next((v for v in self._all if v.finished.photo is photo), None)

    def add(self, job: Job, result: Result) -> None:
        """Takes the place of the one that came from the same request, if there is one."""
        self._all = [v for v in self._all if not v.comes_from(job)]
        self._all.append(Variation(job, result.finished, _thumbnail(result)))
        while len(self._all) > 1 and (len(self._all) > MOST or self._bytes > self._budget):
            del self._all[0]
        self.changed.emit()

    @property
    def _bytes(self) -> int:
        return sum(variation.finished.bytes for variation in self._all)

    def _forget(self) -> None:
        self._all.clear()
        self.changed.emit()


def _thumbnail(result: Result) -> QImage:
    wanted = THUMBNAIL * SHARPNESS
    size = result.pyramid.size
    zoom = min(wanted.width() / size.width, wanted.height() / size.height)
    image = from_bgrx(result.pyramid.levels[result.pyramid.level_for(zoom)])
    return image.scaled(wanted, Qt.AspectRatioMode.KeepAspectRatio,
                        Qt.TransformationMode.SmoothTransformation).copy()
