"""The open photo between the document, the loader and the queue: open, restore, save."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from gdp_desktop.image.files import result_path
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo
from gdp_desktop.restoration.job import Job, Preview, Progress, Recipe, Report
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.commands import ClearMask, InvertMask, LoadMask, apply_result
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.worker.loader import Found, Loader, Opened, Prepared, Saved
from gdp_desktop.worker.queue import JobQueue, Summary
from gdp_desktop.worker.runner import Outcome


class Workbench(QObject):
    """Says what happened in sentences; shows nothing itself."""

    noted = Signal(str)
    informed = Signal(str)
    warned = Signal(str)
    left_unsaved = Signal(object, object)
    enqueued = Signal()
    running_changed = Signal(bool)
    stopping = Signal()
    progressed = Signal(object)

    def __init__(
        self,
        document: Document,
        queue: JobQueue,
        loader: Loader,
        repertoire: Repertoire,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._queue, self._loader = document, queue, loader
        self._repertoire = repertoire
        self._recipe = Recipe(next(iter(repertoire.tasks)))
        self._job: Job | None = None
        self._awaited: Photo | None = None
        loader.opened.connect(self._on_opened)
        loader.prepared.connect(self._on_prepared)
        loader.saved.connect(self._on_saved)
        loader.mask_loaded.connect(self._on_mask_loaded)
        loader.found.connect(self._on_found)
        loader.failed.connect(self.warned)
        loader.prepare_failed.connect(self._on_prepare_failed)
        queue.job_progress.connect(self._on_progress)
        queue.job_preview.connect(self._on_preview)
        queue.job_ended.connect(self._on_ended)
        queue.batch_ended.connect(self._on_batch_ended)

    @property
    def is_running(self) -> bool:
        """Whether the open photo is being restored or waits for its turn."""
        return self._job is not None

    @property
    def recipe(self) -> Recipe:
        """What the next job will do."""
        return self._recipe

    def set_recipe(self, recipe: Recipe) -> None:
        self._recipe = recipe

    @property
    def task(self) -> Task:
        return self._repertoire.task(self._recipe)

    def take(self, paths: Iterable[Path]) -> None:
        """One photo is opened; several, or a folder, go to the queue."""
        paths = list(paths)
        if len(paths) == 1 and not paths[0].is_dir():
            self.open(paths[0])
        else:
            self.enqueue(paths)

    def open(self, path: Path) -> None:
        self.noted.emit(f"Opening {path.name}…")
        self._loader.open(path)

    def enqueue(self, paths: Iterable[Path]) -> None:
        """Photos and the photos in folders wait in the queue, with the recipe of now."""
        self._loader.find(paths)

    def revise_waiting(self) -> None:
        """Give the waiting photos of the queue the recipe and mask of now."""
        mask = self._mask_for_queue()
        self._queue.revise_waiting(lambda job: replace(job, recipe=self._recipe, mask=mask))

    def run(self) -> None:
        """Restore the open photo."""
        if self._document.path is None or self._job is not None:
            return
        mask = self._mask_to_give()
        if mask is None and self.task.must_be_painted(self.task.values(self._recipe.params)):
            self.warned.emit("Paint over what is to be replaced first, with the brush (B).")
            return
        self._job = Job(self._document.path, self._recipe, mask)
        self.running_changed.emit(True)
        self._queue.run_now(self._job)

    def cancel(self) -> None:
        """The job hears it at its next chance, which may take a moment."""
        if self._job:
            self.stopping.emit()
            self._queue.cancel_job(self._job)

    def save(self) -> None:
        """Beside the source, under a name that is still free."""
        if self._document.result and self._document.path:
            self._loader.save_beside(self._document.result.photo, self._document.path)

    def save_left(self, result: Photo, source: Path) -> None:
        """The result of a photo that is no longer open."""
        self._loader.save_beside(result, source)

    def export(self, path: Path) -> None:
        """The user has agreed to replace what may be there."""
        if self._document.result:
            self._loader.save(self._document.result.photo, path, overwrite=True)

    def clear_mask(self) -> None:
        self._document.undo_stack.push(ClearMask(self._document))

    def invert_mask(self) -> None:
        self._document.undo_stack.push(InvertMask(self._document))

    def load_mask(self, path: Path) -> None:
        if self._document.photo:
            self._loader.open_mask(path, self._document.photo)

    def save_mask(self, path: Path) -> None:
        self._loader.save_mask(self._document.mask.copy(), path)

    def _mask_to_give(self) -> Mask | None:
        mask = self._document.mask
        return None if mask.is_empty else mask.copy()

    def _mask_for_queue(self) -> Mask | None:
        """The open photo's mask only where a task cannot do without: elsewhere it would quietly
        limit the restoration of photos it was not painted on."""
        return self._mask_to_give() if self.task.needs_mask else None

    def _on_opened(self, opened: Opened) -> None:
        self.cancel()
        document = self._document
        left = document.result.photo if document.is_modified and document.result else None
        left_source = document.path
        self._job = self._awaited = None
        self.running_changed.emit(False)
        document.open(opened)
        if opened.photo.notes:
            self.informed.emit(" ".join(opened.photo.notes))
        if left is not None:
            self.left_unsaved.emit(left, left_source)

    def _on_found(self, found: Found) -> None:
        mask = self._mask_for_queue()
        self._queue.add(
            *(Job(photo, self._recipe, mask, output=result_path(photo)) for photo in found.paths)
        )
        self.enqueued.emit()

    def _on_prepare_failed(self, sentence: str) -> None:
        if self._awaited is not None:
            self._stop_running()
            self.warned.emit(sentence)

    def _on_progress(self, job: Job, progress: Progress) -> None:
        if job is self._job:
            self.progressed.emit(progress)

    def _on_preview(self, job: Job, preview: Preview) -> None:
        if job is self._job:
            self._document.show_preview(preview)

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.job is not self._job:
            return
        if outcome.finished:
            # The last preview stays until the result can be drawn.
            self._awaited = outcome.finished.photo
            self.noted.emit(_in_words(outcome.finished.report))
            self._loader.prepare(self._awaited)
            return
        self._stop_running()
        if outcome.status == "failed":
            self.warned.emit(outcome.error)

    def _on_prepared(self, prepared: Prepared) -> None:
        if prepared.photo is self._awaited:
            apply_result(self._document, prepared)
            self._stop_running()

    def _stop_running(self) -> None:
        self._job = self._awaited = None
        self._document.show_preview(None)
        self.running_changed.emit(False)

    def _on_saved(self, saved: Saved) -> None:
        self._document.note_saved(saved.photo)
        self.informed.emit(" ".join((f"Saved as {saved.path.name}.", *saved.notes)))

    def _on_mask_loaded(self, mask: Mask) -> None:
        document = self._document
        if mask.size == document.mask.size:
            document.undo_stack.push(LoadMask(document, mask))

    def _on_batch_ended(self, summary: Summary) -> None:
        sentence = f"The queue is done: {_photos(summary.done)} restored"
        for count, what in ((summary.failed, "failed"), (summary.cancelled, "cancelled")):
            sentence += f", {count} {what}" if count else ""
        say = self.warned if summary.failed else self.informed
        say.emit(sentence + ".")


def _in_words(report: Report) -> str:
    facts = f"Restored in {report.seconds:.1f} s · {report.steps} steps · seed {report.seed}"
    return f"{facts} · {report.prior} on {report.device}"


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"
