from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from gdp_desktop.image.files import result_path
from gdp_desktop.restoration.job import Job, Recipe
from gdp_desktop.worker.queue import ROW, JobQueue, JobState, Summary
from gdp_desktop.worker.runner import Runner

if TYPE_CHECKING:
    from conftest import FakeEngine, MakePhoto

RECIPE = Recipe("low-light")


@pytest.fixture
def queue(qtbot: QtBot, engine: FakeEngine, qtmodeltester: ModelTester) -> Iterator[JobQueue]:
    runner = Runner(engine)
    queue = JobQueue(runner)
    qtmodeltester.check(queue)
    yield queue
    assert runner.shutdown()


def folder_job(source: Path) -> Job:
    return Job(source, RECIPE, output=result_path(source))


def finish(qtbot: QtBot, queue: JobQueue) -> Summary:
    with qtbot.waitSignal(queue.batch_ended, timeout=5000) as blocker:
        queue.start()
    return blocker.args[0]


def states(queue: JobQueue) -> list[JobState]:
    return [row.state for row in queue.rows]


def test_jobs_wait_until_the_queue_is_started(queue: JobQueue, make_photo: MakePhoto) -> None:
    queue.add(folder_job(make_photo()))
    assert states(queue) == [JobState.WAITING]
    assert queue.running_job is None


def test_one_bad_photo_never_stops_the_others(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["b.png"] = "b.png is damaged; try another copy."
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png", "c.png")))
    assert finish(qtbot, queue) == Summary(done=2, failed=1)
    assert states(queue) == [JobState.DONE, JobState.FAILED, JobState.DONE]
    first, second, _ = (queue.index(row).data(ROW) for row in range(3))
    assert second.error == "b.png is damaged; try another copy." and first.fraction == 1.0
    assert first.report.output.endswith("a-restored.png")
    assert not queue.is_started


def test_every_start_counts_from_nothing(
    qtbot: QtBot, queue: JobQueue, make_photo: MakePhoto
) -> None:
    for name in ("a.png", "b.png"):
        queue.add(folder_job(make_photo(name)))
        assert finish(qtbot, queue) == Summary(done=1)


def test_a_failed_job_can_be_tried_again(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["a.png"] = "The disk is full."
    queue.add(folder_job(make_photo("a.png")))
    finish(qtbot, queue)
    engine.failures.clear()
    with qtbot.waitSignal(queue.job_ended, timeout=5000):
        queue.retry(0)
    assert states(queue) == [JobState.DONE]
    assert queue.rows[0].error == ""


def test_what_is_tried_again_forgets_how_it_ended(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["b.png"] = "The disk is full."
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    finish(qtbot, queue)
    for number in range(2):
        queue.retry(number)
    assert [(row.fraction, row.error, row.report) for row in queue.rows] == [(0.0, "", None)] * 2


def test_trying_again_leaves_the_others_waiting(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    queue.add(folder_job(make_photo("a.png")))
    finish(qtbot, queue)
    queue.add(folder_job(make_photo("b.png")))
    with qtbot.waitSignal(queue.job_ended, timeout=5000):
        queue.retry(0)
    assert states(queue) == [JobState.DONE, JobState.WAITING]
    assert queue.running_job is None and not queue.is_started


def test_what_is_tried_again_goes_before_what_waits(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.failures["c.png"] = "The disk is full."
    queue.add(folder_job(make_photo("c.png")))
    finish(qtbot, queue)
    engine.failures.clear()
    engine.jobs.clear()
    engine.pause = 0.01
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    with qtbot.waitSignal(queue.batch_ended, timeout=5000):
        queue.start()
        queue.retry(0)
    assert [job.source.name for job in engine.jobs] == ["a.png", "c.png", "b.png"]


def test_cancelling_one_job_goes_on_with_the_next(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 100, 0.01
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png", "c.png")))
    with qtbot.waitSignal(queue.job_preview, timeout=5000):
        queue.start()
    queue.cancel(1)
    engine.steps = 2
    with qtbot.waitSignal(queue.batch_ended, timeout=5000) as blocker:
        queue.cancel(0)
    assert states(queue) == [JobState.CANCELLED, JobState.CANCELLED, JobState.DONE]
    assert blocker.args[0] == Summary(done=1, cancelled=2)


def test_stop_leaves_the_others_waiting(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 100, 0.01
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    with qtbot.waitSignal(queue.job_preview, timeout=5000):
        queue.start()
    with qtbot.waitSignal(queue.job_ended, timeout=5000):
        queue.stop()
    assert states(queue) == [JobState.CANCELLED, JobState.WAITING]


def test_what_is_to_be_tried_again_waits_after_a_stop_as_well(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    finish(qtbot, queue)
    engine.steps, engine.pause = 100, 0.01
    for number in range(2):
        queue.retry(number)
    with qtbot.waitSignal(queue.job_ended, timeout=5000):
        queue.stop()
    assert states(queue) == [JobState.CANCELLED, JobState.WAITING]


def test_what_is_done_stays_done_when_it_is_cancelled(
    qtbot: QtBot, queue: JobQueue, make_photo: MakePhoto
) -> None:
    queue.add(folder_job(make_photo()))
    finish(qtbot, queue)
    queue.cancel(0)
    assert states(queue) == [JobState.DONE]


def test_the_open_photo_goes_first_and_leaves_no_row(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    with qtbot.waitSignal(queue.job_ended, timeout=5000) as blocker:
        queue.run_now(Job(make_photo("open.png"), RECIPE))
    assert blocker.args[0].finished is not None
    assert [row.job.source.name for row in queue.rows] == ["a.png", "b.png"]
    assert states(queue) == [JobState.WAITING] * 2


def test_the_open_photo_comes_right_after_the_running_one(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.pause = 0.01
    queue.add(*(folder_job(make_photo(name)) for name in ("a.png", "b.png")))
    with qtbot.waitSignal(queue.batch_ended, timeout=5000):
        queue.start()
        queue.run_now(Job(make_photo("open.png"), RECIPE))
    assert [job.source.name for job in engine.jobs] == ["a.png", "open.png", "b.png"]


@pytest.mark.parametrize("leave", [
    lambda queue, job: queue.cancel_job(job),
    lambda queue, job: queue.remove([row.job for row in queue.rows].index(job)),
], ids=["cancelled", "removed"])
def test_a_waiting_job_of_the_open_photo_can_be_cancelled_or_removed(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto,
    leave: Callable[[JobQueue, Job], None],
) -> None:
    engine.pause = 0.02
    mine = Job(make_photo("open.png"), RECIPE)
    queue.add(folder_job(make_photo("a.png")))
    queue.start()
    queue.run_now(mine)
    with qtbot.waitSignal(queue.job_ended, timeout=5000) as blocker:
        leave(queue, mine)
    assert (blocker.args[0].job, blocker.args[0].status) == (mine, "cancelled")
    with qtbot.waitSignal(queue.batch_ended, timeout=5000):
        pass
    assert queue.rowCount() == 1 and len(engine.jobs) == 1


def test_a_running_job_that_is_removed_leaves_the_list(
    qtbot: QtBot, queue: JobQueue, engine: FakeEngine, make_photo: MakePhoto
) -> None:
    engine.steps, engine.pause = 100, 0.01
    queue.add(folder_job(make_photo("a.png")))
    with qtbot.waitSignal(queue.job_preview, timeout=5000):
        queue.start()
    with qtbot.waitSignal(queue.job_ended, timeout=5000):
        queue.remove(0)
    assert queue.rowCount() == 0


def test_clearing_keeps_what_waits(
    qtbot: QtBot, queue: JobQueue, make_photo: MakePhoto
) -> None:
    queue.add(folder_job(make_photo("a.png")))
    finish(qtbot, queue)
    queue.add(folder_job(make_photo("c.png")))
    finish(qtbot, queue)
    queue.add(folder_job(make_photo("b.png")))
    said: list[bool] = []
    queue.changed.connect(lambda: said.append(True))
    queue.clear_ended()
    assert len(said) == 1  # however many they are
    assert [row.job.source.name for row in queue.rows] == ["b.png"]


def test_waiting_jobs_can_get_another_recipe(
    qtbot: QtBot, queue: JobQueue, make_photo: MakePhoto
) -> None:
    queue.add(folder_job(make_photo("a.png")))
    finish(qtbot, queue)
    queue.add(folder_job(make_photo("b.png")))
    queue.revise(lambda job: replace(job, recipe=Recipe("denoise")))
    assert [row.job.recipe.task for row in queue.rows] == ["low-light", "denoise"]
