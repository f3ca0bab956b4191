from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

from gdp_desktop.image.errors import PhotoError
from gdp_desktop.restoration.job import (
    CancelToken,
    Event,
    Finished,
    Job,
    Preview,
    Progress,
    Recipe,
)
from gdp_desktop.worker.runner import Outcome, Restore, Runner

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

RECIPE = Recipe("low-light")
MakeRunner = Callable[[Restore], Runner]


@pytest.fixture
def make_runner(qtbot: QtBot) -> Iterator[MakeRunner]:
    runners: list[Runner] = []

    def make(restore: Restore) -> Runner:
        runners.append(Runner(restore))
        return runners[-1]

    yield make
    assert all(runner.shutdown() for runner in runners)


def ended(qtbot: QtBot, runner: Runner, job: Job) -> Outcome:
    with qtbot.waitSignal(runner.ended, timeout=5000) as blocker:
        runner.start(job)
    return blocker.args[0]


def test_a_job_runs_to_its_end(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    runner, seen = make_runner(engine), []
    for signal in (runner.started, runner.progress, runner.preview):
        signal.connect(lambda event: seen.append(type(event).__name__))
    job = Job(make_photo(), RECIPE)
    outcome = ended(qtbot, runner, job)
    assert (outcome.job, outcome.status, outcome.error) == (job, "done", "")
    assert outcome.finished and outcome.finished.report.task == "low-light"
    assert {"Started", "Progress", "Preview"} == set(seen)
    assert not runner.is_busy


def test_the_sentence_of_a_failure_is_handed_on(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine
) -> None:
    engine.failures["a.png"] = "a.png is damaged; try another copy."
    outcome = ended(qtbot, make_runner(engine), Job(Path("a.png"), RECIPE))
    assert (outcome.status, outcome.error) == ("failed", "a.png is damaged; try another copy.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        # As torch says it of main memory.
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "enough memory"),
        (PhotoError("a is damaged;\nopen another copy."), "a is damaged; open another copy."),
        (RuntimeError("shapes do not fit"), "unexpectedly (RuntimeError: shapes do not fit)"),
        (KeyError(), "unexpectedly (KeyError: )"), (ValueError("a\nb"), "(ValueError: a b)"),
    ],
)
def test_every_failure_gets_one_sentence(
    qtbot: QtBot, make_runner: MakeRunner, error: Exception, words: str
) -> None:
    def restore(*_: object) -> Iterator[Event]:
        raise error

    sentence = ended(qtbot, make_runner(restore), Job(Path("a"), RECIPE)).error
    assert words in sentence and "\n" not in sentence


def test_a_job_without_a_result_has_failed(qtbot: QtBot, make_runner: MakeRunner) -> None:
    outcome = ended(qtbot, make_runner(lambda *_: iter(())), Job(Path("a"), RECIPE))
    assert outcome.status == "failed" and outcome.error


def test_a_cancel_before_the_start_is_kept(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.02
    runner = make_runner(engine)
    with qtbot.waitSignal(runner.ended, timeout=5000) as blocker:
        runner.start(Job(make_photo(), RECIPE))
        runner.cancel()
    assert blocker.args[0].status == "cancelled"


def test_a_cancel_in_mid_job_is_heard_at_once(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.5
    runner = make_runner(engine)
    with qtbot.waitSignal(runner.preview, timeout=5000):
        runner.start(Job(make_photo(), RECIPE))
    with qtbot.waitSignal(runner.ended, timeout=5000) as blocker:
        runner.cancel()
    assert blocker.args[0].status == "cancelled"


def test_the_next_job_is_not_cancelled_by_the_last_one(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    runner, job = make_runner(engine), Job(make_photo(), RECIPE)
    with qtbot.waitSignal(runner.ended):
        runner.start(job)
        runner.cancel()
    assert ended(qtbot, runner, job).status == "done"


def test_only_one_job_at_a_time(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    runner, job = make_runner(engine), Job(make_photo(), RECIPE)
    with qtbot.waitSignal(runner.ended):
        runner.start(job)
        with pytest.raises(RuntimeError):
            runner.start(job)


def test_a_slow_window_gets_few_previews_and_never_lags(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps = 150
    is_done, shown = threading.Event(), []

    def restore(*given: object) -> Iterator[Event]:
        for event in engine(*given):
            if isinstance(event, Finished):
                is_done.set()
            yield event

    def show_slowly(preview: Preview) -> None:
        shown.append(preview.done)
        is_done.wait(5)

    runner = make_runner(restore)
    runner.preview.connect(show_slowly)
    outcome = ended(qtbot, runner, Job(make_photo(), RECIPE))
    assert outcome.status == "done"
    assert len(shown) <= 2 and shown[-1] == 150


def test_previews_cannot_be_written(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    runner = make_runner(engine)
    with qtbot.waitSignal(runner.preview, timeout=5000) as blocker:
        runner.start(Job(make_photo(), RECIPE))
    with pytest.raises(ValueError):
        blocker.args[0].pixels[0] = 0


def test_progress_comes_at_most_twenty_times_a_second(
    qtbot: QtBot, make_runner: MakeRunner
) -> None:
    def restore(
        job: Job, token: CancelToken, on_window: Callable[[Progress], None]
    ) -> Iterator[Event]:
        for done in range(1, 201):
            time.sleep(0.001)
            on_window(Progress(done, 200, None))
        yield Progress(200, 200, 0)

    runner, seen = make_runner(restore), []
    runner.progress.connect(lambda progress: seen.append(progress.done))
    began = time.monotonic()
    ended(qtbot, runner, Job(Path("a"), RECIPE))
    assert seen[-1] == 200
    assert len(seen) <= (time.monotonic() - began) * 20 + 3


def test_closing_in_mid_job_stops_the_thread(
    qtbot: QtBot, make_runner: MakeRunner, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 1000, 0.02
    runner = make_runner(engine)
    with qtbot.waitSignal(runner.preview, timeout=5000):
        runner.start(Job(make_photo(), RECIPE))
    assert runner.shutdown()
