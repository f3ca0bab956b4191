"""The jobs that wait, run and are over, as a list that a view can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)

from gdp_desktop.restoration.job import Job, Preview, Progress, Report, Started
from gdp_desktop.worker.runner import Outcome, Runner

ModelIndex = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class JobState(Enum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in (JobState.WAITING, JobState.RUNNING)


# What a view gets of a row besides its text: the row itself.
ROW = Qt.ItemDataRole.UserRole + 1


@dataclass(eq=False)
class Row:
    """A job and what has become of it.

    ``fraction`` is between 0 and 1. ``is_wanted`` rows run whether the queue is started or not;
    ``is_passing`` ones leave when they are over.
    """

    job: Job
    state: JobState = JobState.WAITING
    fraction: float = 0.0
    seconds_left: float | None = None
    error: str = ""
    report: Report | None = None
    is_wanted: bool = False
    is_passing: bool = False

    @property
    def saved_to(self) -> Path | None:
        return Path(self.report.output) if self.report and self.report.output else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the result."""
        return self.report.notes if self.report else ()


@dataclass(frozen=True)
class Summary:
    """How many jobs ended how since the queue was started."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0

    def with_one_more(self, state: JobState) -> Summary:
        return replace(self, **{state.value: getattr(self, state.value) + 1})


class JobQueue(QAbstractListModel):
    """Runs its jobs one by one through the Runner; one that fails never stops the others.

    Jobs that were added wait for ``start``. A job that is run now belongs to the photo on the
    canvas: it goes next, whether the queue is started or not, and leaves no row behind.
    """

    job_started = Signal(object)
    job_progress = Signal(object, object)
    job_preview = Signal(object, object)
    job_ended = Signal(object)
    batch_ended = Signal(object)
    changed = Signal()

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._rows: list[Row] = []
        self._running: Row | None = None
        self._is_started = False
        self._summary = Summary()
        runner.started.connect(self._on_started)
        runner.progress.connect(self._on_progress)
        runner.preview.connect(self._on_preview)
        runner.ended.connect(self._on_ended)

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self._rows)

    @property
    def running_job(self) -> Job | None:
        return self._running.job if self._running else None

    @property
    def is_started(self) -> bool:
        """Whether waiting jobs are taken one after the other."""
        return self._is_started

    def count(self, state: JobState) -> int:
        return sum(row.state is state for row in self._rows)

    def add(self, *jobs: Job) -> None:
        """To the end, where they wait for their turn."""
        self._insert(len(self._rows), [Row(job) for job in jobs])

    def run_now(self, job: Job) -> None:
        """Before all that wait, as soon as the running job is over."""
        self._insert(1 if self._running else 0, [Row(job, is_wanted=True, is_passing=True)])

    def start(self) -> None:
        """Take the waiting jobs one after the other."""
        if not self._is_started:
            self._is_started = True
            self._summary = Summary()
        self._go_on()

    def stop(self) -> None:
        """Cancel the running job and leave the others waiting."""
        self._is_started = False
        for row in self._rows:
            row.is_wanted = row.is_passing
        self._runner.cancel()
        self.changed.emit()

    def cancel(self, number: int) -> None:
        row = self._rows[number]
        if row is self._running:
            self._runner.cancel()
        elif row.is_passing:
            self._drop(row)
            self.job_ended.emit(Outcome(row.job, "cancelled"))
        elif row.state is JobState.WAITING:
            self._set(row, state=JobState.CANCELLED)
            if self._is_started:
                self._summary = self._summary.with_one_more(JobState.CANCELLED)

    def cancel_job(self, job: Job) -> None:
        """Nothing happens if the job is no longer in the list."""
        for number in [n for n, row in enumerate(self._rows) if row.job is job]:
            self.cancel(number)

    def retry(self, number: int) -> None:
        """Run a job again that is over, and no other."""
        row = self._rows[number]
        if row.state.is_over:
            self._set(row, **vars(Row(row.job, is_wanted=True)))
            self._go_on()

    def remove(self, number: int) -> None:
        """A running job is cancelled first; its row goes when it has ended."""
        row = self._rows[number]
        if row is self._running:
            row.is_passing = True
        if row.is_passing:  # somebody waits for it
            self.cancel(number)
        else:
            self._drop(row)

    def clear_ended(self) -> None:
        for row in [row for row in self._rows if row.state.is_over]:
            self._take_out(row)
        self.changed.emit()

    def revise(self, change: Callable[[Job], Job], *, also_ended: bool = False) -> None:
        """Replace every job that waits by a changed one, with ``also_ended`` also those that may be
        tried again."""
        for row in self._rows:
            waits = row.state is JobState.WAITING or (also_ended and row.state.is_over)
            if waits and not row.is_passing:
                self._set(row, job=change(row.job))

    def rowCount(self, parent: ModelIndex = _NO_INDEX) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.job.source.name
            case Qt.ItemDataRole.ToolTipRole:
                return row.error or " ".join((str(row.saved_to or row.job.source), *row.notes))
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{row.job.source.name}, {row.state.value} {row.error}".strip()
        return row if role == ROW else None

    def _insert(self, first: int, rows: list[Row]) -> None:
        if not rows:
            return
        self.beginInsertRows(_NO_INDEX, first, first + len(rows) - 1)
        self._rows[first:first] = rows
        self.endInsertRows()
        self._go_on()

    def _drop(self, row: Row) -> None:
        self._take_out(row)
        self.changed.emit()

    def _take_out(self, row: Row) -> None:
        number = self._rows.index(row)
        self.beginRemoveRows(_NO_INDEX, number, number)
        del self._rows[number]
        self.endRemoveRows()

    def _set(self, row: Row, **changes: object) -> None:
        for name, value in changes.items():
            setattr(row, name, value)
        index = self.index(self._rows.index(row))
        self.dataChanged.emit(index, index)
        if "state" in changes:
            self.changed.emit()

    def _go_on(self) -> None:
        if self._running is None and (row := self._next()):
            self._running = row
            self._set(row, state=JobState.RUNNING)
            self._runner.start(row.job)
        elif self._running is None and self._is_started:
            self._is_started = False
            self.batch_ended.emit(self._summary)
        self.changed.emit()

    def _next(self) -> Row | None:
        waiting = [row for row in self._rows if row.state is JobState.WAITING]
        may_go = [row for row in waiting if row.is_wanted or self._is_started]
        return min(may_go, key=lambda row: (not row.is_passing, not row.is_wanted), default=None)

    @Slot(object)
    def _on_started(self, _started: Started) -> None:
        if self._running:
            self.job_started.emit(self._running.job)

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        if self._running:
            fraction = progress.done / max(1, progress.total)
            self._set(self._running, fraction=fraction, seconds_left=progress.seconds_left)
            self.job_progress.emit(self._running.job, progress)

    @Slot(object)
    def _on_preview(self, preview: Preview) -> None:
        if self._running:
            self.job_preview.emit(self._running.job, preview)

    @Slot(object)
    def _on_ended(self, outcome: Outcome) -> None:
        row, self._running = self._running, None
        if row is None:
            return
        if row.is_passing:
            self._drop(row)
        else:
            self._close(row, outcome)
        self.job_ended.emit(outcome)
        self._go_on()

    def _close(self, row: Row, outcome: Outcome) -> None:
        state = JobState(outcome.status)
        self._summary = self._summary.with_one_more(state)
        report = outcome.finished.report if outcome.finished else None
        fraction = 1.0 if state is JobState.DONE else row.fraction
        self._set(row, state=state, fraction=fraction, error=outcome.error, report=report,
                  seconds_left=None)
