"""Processes that restore photos beside this one.

Python runs on one core at a time.  Of many small photos on the threads of one process a twentieth
of the time is lost on two cores by waiting for it; on more cores more threads wait.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from queue import SimpleQueue

from gdp_desktop.commands.heap import keep_freed_memory
from gdp_desktop.diffusion.at_once import take_cores
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import (
    Cancelled,
    CancelToken,
    Cost,
    Finished,
    Job,
    Progress,
    Report,
    Started,
)
from gdp_desktop.restoration.restore import restore

# Restores a photo and tells of its progress and cost; raises what ``restore`` does.
Restore = Callable[[Job, CancelToken, Callable[[Progress], None], Callable[[Cost], None]], Report]

# What goes to a companion and comes from it, beside jobs, and what is told of them.
READY, CANCEL, CANCELLED = "ready", "cancel", "cancelled"
# How long a companion may go on before it is looked after whether the user has cancelled.
ANSWER_SECONDS = 0.1
# A companion that has nothing to do ends at once.
GOODBYE_SECONDS = 10

# Not forked: threads that torch has begun would be missing in the copy.
_processes = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Failure:
    """Why a photo was not restored."""

    sentence: str


def here(
    job: Job, cancel: CancelToken, show: Callable[[Progress], None], tell: Callable[[Cost], None]
) -> Report:
    """In this process and thread."""
    for event in restore(job, cancel, show, previews=False):
        if isinstance(event, Started) and event.cost:
            tell(event.cost)
        elif isinstance(event, Finished):
            return event.report
    raise RuntimeError("the restoration ended without a result")


class Companions:
    """So many processes, each with ``share`` cores, and this one.

    They take some seconds to begin; until then all is done here.
    """

    def __init__(self, count: int, share: int) -> None:
        self._all = [Companion(share) for _ in range(count)]
        self._free = list(self._all)
        self._taking = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[Restore]:
        """A process that has nothing to do, or this one; for any thread."""
        with self._taking:
            companion = next((each for each in self._free if each.is_ready), None)
            if companion:
                self._free.remove(companion)
        try:
            yield companion or here
        finally:
            if companion:
                with self._taking:
                    self._free.append(companion)

    def close(self) -> None:
        for companion in self._all:
            companion.close()


@contextmanager
def accompanied_by(count: int, share: int) -> Iterator[Companions]:
    """To be entered on the main thread."""
    companions = Companions(count, share)
    try:
        yield companions
    finally:
        companions.close()


class Companion:
    """Another process; restores one photo at a time."""

    def __init__(self, share: int) -> None:
        self._connection, its_end = _processes.Pipe()
        self._process = _processes.Process(target=_accompany, args=(its_end, share), daemon=True)
        with _ctrl_c_kept_back():
            self._process.start()
        # With the companion's own the last one closes, and the connection tells that it is gone.
        its_end.close()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether it is there and waits for a job."""
        try:
            if not self._is_ready and self._connection.poll():
                self._is_ready = self._connection.recv() == READY
        except (EOFError, OSError):
            return False
        return self._is_ready

    def __call__(
        self, job: Job, cancel: CancelToken, show: Callable[[Progress], None],
        tell: Callable[[Cost], None],
    ) -> Report:
        try:
            self._connection.send(_sendable(job))
            for answer in self._answers(cancel):
                match answer:
                    case Progress():
                        show(answer)
                    case Cost():
                        tell(answer)
                    case Report():
                        return answer
                    case Failure(sentence):
                        raise PhotoError(sentence)
        except (EOFError, ConnectionError):
            self._is_ready = False
            raise PhotoError(
                f"{shown(job.source)}: The process that restored it has ended, most likely for "
                "want of memory; take fewer --jobs."
            ) from None
        raise Cancelled

    def _answers(self, cancel: CancelToken) -> Iterator[object]:
        """What the companion says, until it has cancelled."""
        has_told = False
        while True:
            if cancel.is_cancelled and not has_told:
                self._connection.send(CANCEL)
                has_told = True
            if self._connection.poll(ANSWER_SECONDS):
                if (answer := self._connection.recv()) == CANCELLED:
                    return
                yield answer

    def close(self) -> None:
        self._connection.close()
        self._process.join(GOODBYE_SECONDS)


def _sendable(job: Job) -> Job:
    """The job for a process of its own, with copies of what Python cannot send there."""
    asked = job.recipe
    recipe = replace(asked, params=dict(asked.params), method_params=dict(asked.method_params))
    return replace(job, recipe=recipe, in_process=1)


def _accompany(connection: Connection, share: int) -> None:
    """What a companion does until whoever began it closes the connection, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    take_cores(share)
    asked: SimpleQueue[tuple[Job, CancelToken] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, asked), daemon=True).start()
    with suppress(ConnectionError):
        connection.send(READY)
        for job, cancel in iter(asked.get, None):
            connection.send(_outcome(job, cancel, connection.send))
    # All is written, and taking the libraries down would keep the user waiting for half a second.
    os._exit(0)


def _listen(
    connection: Connection, asked: SimpleQueue[tuple[Job, CancelToken] | None]
) -> None:
    cancel = CancelToken()
    try:
        while True:
            if isinstance(message := connection.recv(), Job):
                cancel = CancelToken()
                asked.put((message, cancel))
            else:
                cancel.cancel()
    except (EOFError, OSError):
        cancel.cancel()
        asked.put(None)


def _outcome(job: Job, cancel: CancelToken, send: Callable[[object], None]) -> object:
    try:
        return here(job, cancel, send, send)
    except Cancelled:
        return CANCELLED
    except Exception as error:
        return Failure(sentence_of(error, shown(job.source)))


@contextmanager
def _ctrl_c_kept_back() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal: one that is begun here never hears of it, and
    this one does at the end."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
