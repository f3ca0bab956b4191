"""The open photo between the document, the loader and the queue: open, restore, save."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from gdp_desktop.image.files import is_same_file, result_path
from gdp_desktop.image.mask import Mask
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import Finished, Job, Preview, Progress, Recipe
from gdp_desktop.tasks.task import Task
from gdp_desktop.ui.actions import keys_of
from gdp_desktop.ui.document import Document
from gdp_desktop.ui.repertoire import Repertoire
from gdp_desktop.ui.undo import ClearMask, InvertMask, LoadMask, apply_result
from gdp_desktop.ui.variations import Variation, Variations
from gdp_desktop.ui.wording import report_in_words
from gdp_desktop.words import number_of
from gdp_desktop.worker.loader import Found, LoadedMask, Loader, Opened, Result, Saved
from gdp_desktop.worker.queue import JobQueue, Summary
from gdp_desktop.worker.runner import Outcome


class Workbench(QObject):
    """Says what happened in sentences; shows nothing itself."""

    noted = Signal(str)
    informed = Signal(str)
    warned = Signal(str)
    unsaved = Signal(object, object, object)
    still_running = Signal(object)
    settled = Signal(object)
    scene_dropped = Signal(object)
    enqueued = Signal()
    queue_failed = Signal(str)
    recipe_changed = Signal()
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
        self._memory_limit: int | None = None
        self.variations = Variations(document)
        self._job: Job | None = None
        # Jobs of photos that are no longer open, and what their results are to be mixed of.
        self._jobs_elsewhere: list[tuple[Job, Mix]] = []
        self._awaited: Finished | None = None
        # The result that was clicked, until it can be drawn.
        self._chosen: Finished | None = None
        self._scene: list[Path] = []
        document.result_changed.connect(self._forget_choice)
        loader.opened.connect(self._on_opened)
        loader.prepared.connect(self._on_prepared)
        loader.saved.connect(self._on_saved)
        loader.mask_loaded.connect(self._on_mask_loaded)
        loader.mask_saved.connect(document.note_mask_used)
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
        self.recipe_changed.emit()

    def limit_memory(self, limit: int | None) -> None:
        """Each of the next jobs may take so many bytes; None for what is free."""
        self._memory_limit = limit
        # A limit is about the machine, not about how to restore: jobs added before keep to it, too.
        self._queue.revise(lambda job: replace(job, memory_limit=limit), also_ended=True)
        self.recipe_changed.emit()

    @property
    def task(self) -> Task:
        return self._repertoire.task(self._recipe)

    @property
    def must_be_painted(self) -> bool:
        """Whether the task, set as it is, can do nothing without a mask."""
        defaults = {setting.key: setting.default for setting in self.task.params}
        return self.task.must_be_painted(defaults | dict(self._recipe.params))

    @property
    def hindrance(self) -> str:
        """One sentence why the open photo cannot be restored as it is; "" if it can."""
        fewest, most = self.task.others
        count = len(self._document.others)
        if self._document.photo and count < fewest:
            return f"Add {_more(fewest - count)} of the same scene."
        if most and count > most:
            return f"Take away {_more(count - most, '')}: “{self.task.title}” takes {most}."
        return ""

    def take(self, paths: Iterable[Path]) -> None:
        """One photo is opened; several, or a folder, go to the queue.

        Where the task makes one photo of several they are a scene, or may be one.
        """
        paths = list(paths)
        if len(paths) == 1 and not paths[0].is_dir():
            self.open(paths[0])
        elif self._may_be_scene(paths) and self.task.others[0]:
            self.open_scene(paths)
        elif self._may_be_scene(paths):
            self.scene_dropped.emit(paths)
        else:
            self.enqueue(paths)

    def _may_be_scene(self, paths: list[Path]) -> bool:
        fewest, most = self.task.others
        is_one = max(1, fewest) <= len(paths) - 1 <= most
        return is_one and not any(path.is_dir() for path in paths)

    def open_scene(self, paths: list[Path]) -> None:
        """The first is opened and the others join it."""
        self.open(paths[0])
        self._scene = paths

    def add_others(self, paths: Iterable[Path]) -> None:
        """Further photos of the open one's scene, as many as the task takes."""
        others, most = [*self._document.others], self.task.others[1]
        for path in paths:
            # A whole folder may have been dropped, and the disk is asked about each photo.
            if len(others) > most:
                break
            have = (other for other in (self._document.path, *others) if other)
            if not path.is_dir() and not any(is_same_file(path, other) for other in have):
                others.append(path)
        self._document.set_others(tuple(others[:most]))
        if len(others) > most:
            self.informed.emit(
                f"“{self.task.title}” takes {_more(most, 'further')}; the rest was left out."
            )

    def remove_others(self, paths: Iterable[Path]) -> None:
        gone = set(paths)
        self._document.set_others(tuple(p for p in self._document.others if p not in gone))

    def open(self, path: Path) -> None:
        self.noted.emit(f"Opening {path.name}…")
        self._scene = []
        self._loader.open(path)

    def enqueue(self, paths: Iterable[Path]) -> None:
        """Photos and the photos in folders wait in the queue, with the present recipe."""
        if self._is_for_one_photo():
            self._loader.find(paths, self._recipe_for_queue(), self._mask_for_queue())

    def revise_waiting(self) -> None:
        """Give the waiting photos of the queue the present recipe and mask."""
        if self._is_for_one_photo():
            recipe, mask = self._recipe_for_queue(), self._mask_for_queue()
            self._queue.revise(lambda job: replace(job, recipe=recipe, mask=mask))

    def _is_for_one_photo(self) -> bool:
        """Whether the task can do photos one by one, and if not, says so."""
        if self.task.others[0] == 0:
            return True
        self.warned.emit(
            f"“{self.task.title}” makes one photo of several; open one of them and add the others "
            "to it."
        )
        return False

    def job(self) -> Job | None:
        """What ``run`` would do."""
        source = self._document.source
        if source is None:
            return None
        others = self._document.others if self.task.others[1] else ()
        return Job(
            source.path, self._recipe, self._document.mask_for_job(), others,
            memory_limit=self._memory_limit, version=source.version,
        )

    def run(self) -> None:
        """Restore the open photo."""
        job = self.job()
        if job is None or self._job is not None:
            return
        if self.hindrance:
            self.warned.emit(self.hindrance)
        elif job.mask is None and self.must_be_painted:
            brush = f"the brush ({keys_of('use_brush')})"
            self.warned.emit(f"Paint over what is to be replaced first, with {brush}.")
        else:
            self._job = job
            self.running_changed.emit(True)
            self._queue.run_now(job)

    def cancel(self) -> None:
        """The job hears it at its next chance, which may take a moment."""
        if self._job:
            self.stopping.emit()
            self._queue.cancel_job(self._job)

    def cancel_job(self, job: Job) -> None:
        """Cancel the job of a photo that is no longer open."""
        self._queue.cancel_job(job)

    @property
    def waits_for(self) -> Path | None:
        """The photo that is restored before the open one can be."""
        other = self._queue.running_job
        return other.source if other and self._job and other is not self._job else None

    def show_variation(self, variation: Variation) -> None:
        """Make another result of the open photo the one that is seen and saved."""
        shown = self._document.result
        if shown is not None and shown.finished is variation.finished:
            self._forget_choice()
        elif self._job is None:
            self._chosen = variation.finished
            self._loader.prepare(variation.finished)

    def _forget_choice(self) -> None:
        self._chosen = None

    @property
    def _to_save(self) -> Finished | None:
        """What was clicked last, though it may not be drawn yet."""
        shown = self._document.result
        return self._chosen or (shown.finished if shown else None)

    def save(self) -> None:
        """Save the result beside the source, under a name that is still free."""
        if self._to_save and self._document.path:
            self._loader.save_beside(self._to_save, self._document.mix, self._document.path)

    def save_beside(
        self, result: Finished, mix: Mix, source: Path, folder: Path | None = None
    ) -> None:
        """Save the result of a photo that is no longer open: beside it, or in ``folder``."""
        self._loader.save_beside(result, mix, source, folder)

    def export(self, path: Path) -> None:
        """The user has agreed to replace what may be there, but for the photos themselves."""
        if self._is_of_the_scene(path, "result"):
            return
        if self._to_save:
            self._loader.save(self._to_save, self._document.mix, path, overwrite=True)

    def clear_mask(self) -> None:
        self._document.undo_stack.push(ClearMask(self._document))

    def invert_mask(self) -> None:
        self._document.undo_stack.push(InvertMask(self._document))

    def load_mask(self, path: Path) -> None:
        if self._document.photo:
            self._loader.open_mask(path, self._document.photo)

    def save_mask(self, path: Path) -> None:
        """The user has agreed to replace what may be there, but for the photos themselves."""
        if self._is_of_the_scene(path, "mask"):
            return
        if mask := self._document.mask_for_job():
            self._loader.save_mask(mask, path)

    def _is_of_the_scene(self, path: Path, what: str) -> bool:
        """Whether a photo of the open scene lies there, which is then said."""
        photos = [photo for photo in (self._document.path, *self._document.others) if photo]
        is_one = any(is_same_file(photo, path) for photo in photos)
        if is_one:
            self.warned.emit(
                f"{path.name} is the photo itself; choose another name for the {what}."
            )
        return is_one

    def _recipe_for_queue(self) -> Recipe:
        """Nobody can choose the amount of a result that is saved at once."""
        return replace(self._recipe, amount=self._document.mix.amount)

    def _mask_for_queue(self) -> Mask | None:
        """The open photo's mask only where a task cannot do without: elsewhere it would quietly
        limit the restoration of photos it was not painted on."""
        return self._document.mask_for_job() if self.must_be_painted else None

    def _on_opened(self, opened: Opened) -> None:
        """What is shown and not saved is offered; what runs goes on, and is offered when done."""
        document = self._document
        shown = document.result.finished if document.is_modified and document.result else None
        unsaved, mix, source = self._awaited or shown, document.mix, document.path
        was_running = self._job if self._awaited is None else None
        if was_running:
            self._jobs_elsewhere.append((was_running, mix))
        self._job = self._awaited = self._chosen = None
        document.open(opened)
        self._go_on_with(opened.path)
        if sentences := [*opened.photo.notes, *self._about_mask()]:
            self.informed.emit(" ".join(sentences))
        if self._scene[:1] == [opened.path]:
            self.add_others(self._scene[1:])
        self._scene = []
        if was_running and was_running is not self._job:
            self.still_running.emit(was_running)
        if unsaved is not None:
            self.unsaved.emit(unsaved, mix, source)

    def _about_mask(self) -> list[str]:
        if not self._document.is_painted:
            return []
        show, clear = keys_of("show_mask"), keys_of("clear_mask")
        return [f"What you painted on it before is back; {show} shows it, {clear} clears it."]

    def _go_on_with(self, path: Path) -> None:
        """The photo may have been open before, and still be at work."""
        self._job = next(
            (job for job, _ in self._jobs_elsewhere if is_same_file(job.source, path)), None
        )
        if self._job:
            self._settle(self._job)
        self.running_changed.emit(self._job is not None)

    def _settle(self, job: Job) -> None:
        """It is over, or its photo is open again."""
        self._jobs_elsewhere = [kept for kept in self._jobs_elsewhere if kept[0] is not job]
        self.settled.emit(job)

    def _on_found(self, found: Found) -> None:
        self._queue.add(
            *(
                Job(
                    photo, found.recipe, found.mask, output=result_path(photo),
                    memory_limit=self._memory_limit,
                )
                for photo in found.paths
            )
        )
        if found.paths:
            self.enqueued.emit()
        if found.problems:
            self.warned.emit(" ".join(found.problems))

    def _on_prepare_failed(self, finished: Finished, sentence: str) -> None:
        if finished is self._awaited:
            # It cannot be shown, but it can be saved.
            self.unsaved.emit(self._awaited, self._document.mix, self._document.path)
            self._stop_running()
        elif finished is self._chosen:
            # Who looks at the choice goes back to what is shown.
            self._document.set_result(self._document.result)
        self.warned.emit(sentence)

    def _on_progress(self, job: Job, progress: Progress) -> None:
        if job is self._job:
            self.progressed.emit(progress)

    def _on_preview(self, job: Job, preview: Preview) -> None:
        if job is self._job:
            self._document.show_preview(preview)

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.finished:
            self._document.note_mask_used(outcome.job.mask)
        elsewhere = [mix for job, mix in self._jobs_elsewhere if job is outcome.job]
        if elsewhere:
            self._on_ended_elsewhere(outcome, elsewhere[0])
        elif outcome.job is not self._job:
            return
        elif outcome.finished:
            # The last preview stays until the result can be drawn.
            self._awaited = outcome.finished
            self.noted.emit(report_in_words(outcome.finished.report))
            if outcome.finished.remarks:
                self.informed.emit(" ".join(outcome.finished.remarks))
            self._loader.prepare(self._awaited)
        else:
            self._stop_running()
            if outcome.status == "failed":
                self.warned.emit(outcome.error)

    def _on_ended_elsewhere(self, outcome: Outcome, mix: Mix) -> None:
        self._settle(outcome.job)
        source = outcome.job.source
        if outcome.finished:
            self.unsaved.emit(outcome.finished, mix, source)
        elif outcome.status == "failed":
            self.warned.emit(f"{source.name} could not be restored: {outcome.error}")

    def _on_prepared(self, result: Result) -> None:
        if self._job and result.finished is self._awaited:
            self.variations.add(self._job, result)
            apply_result(self._document, result)
            self._stop_running()
        elif result.finished is self._chosen:
            self.noted.emit(report_in_words(result.finished.report))
            self._document.set_result(result)

    def _stop_running(self) -> None:
        self._job = self._awaited = None
        self._document.show_preview(None)
        self.running_changed.emit(False)

    def _on_saved(self, saved: Saved) -> None:
        self._document.note_saved(saved.photo, saved.amount)
        files = ", with ".join([saved.path.name, *(path.name for path in saved.beside[:1])])
        files += "".join(f" and {path.name}" for path in saved.beside[1:])
        self.informed.emit(" ".join((f"Saved as {files}.", *saved.notes)))

    def _on_mask_loaded(self, loaded: LoadedMask) -> None:
        document = self._document
        if loaded.photo is document.photo:
            document.mask_arrives.emit()
            document.undo_stack.push(LoadMask(document, loaded.mask))
            document.note_mask_used(document.mask_for_job())

    def _on_batch_ended(self, summary: Summary) -> None:
        sentence = f"The queue is done: {number_of(summary.done, 'photo')} restored"
        for count, what in ((summary.failed, "failed"), (summary.cancelled, "cancelled")):
            sentence += f", {count} {what}" if count else ""
        say = self.queue_failed if summary.failed else self.informed
        say.emit(sentence + ".")


def _more(count: int, word: str = "more") -> str:
    words = (str(count), word, "photo" if count == 1 else "photos")
    return " ".join(part for part in words if part)
