"""Processes beside the first one restore the same bytes, and never outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from gdp_desktop.commands import companions as module
from gdp_desktop.commands.companions import Companion, Companions, accompanied_by, here
from gdp_desktop.commands.restore import FEWEST_ACCOMPANIED, companions_for
from gdp_desktop.diffusion.at_once import cores, take_cores
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.restoration.job import Cancelled, CancelToken, Cost, Job, Progress, Recipe
from gdp_desktop.restoration.memory import PROGRAM
from tests.contents import contents

from .conftest import Put, Run

PATIENCE_SECONDS = 120


def waited_for(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture(scope="module")
def companion() -> Iterator[Companion]:
    companion = Companion(1)
    assert waited_for(lambda: companion.is_ready)
    yield companion
    companion.close()
    assert companion._process.exitcode == 0


@pytest.fixture
def job(put_photo: Put, prior: Path, tmp_path: Path) -> Callable[[str], Job]:
    """job(name): a photo to be restored to the file ``name`` in 20 steps."""
    photo = put_photo()
    recipe = Recipe("denoise", {"sigma": 20}, steps=20, prior=str(prior), device="cpu")
    return lambda name: Job(photo, recipe, output=tmp_path / name)


def ignored(_: object) -> None:
    pass


def test_the_same_bytes_and_the_same_report(
    companion: Companion, job: Callable[[str], Job]
) -> None:
    progress: list[Progress] = []
    costs: list[Cost] = []
    there = companion(job("there.png"), CancelToken(), progress.append, costs.append)
    beside = here(job("here.png"), CancelToken(), ignored, ignored)
    assert there.status == beside.status == "done"
    assert there.output and beside.output
    assert Path(there.output).read_bytes() == Path(beside.output).read_bytes()
    assert (there.evaluations, there.degradation) == (beside.evaluations, beside.degradation)
    assert progress and progress[-1].done == progress[-1].total


def test_what_cannot_be_restored_is_said_and_the_next_one_is_restored(
    companion: Companion, job: Callable[[str], Job]
) -> None:
    wanted = job("result.png")
    whole = wanted.source.read_bytes()
    wanted.source.write_bytes(b"no picture")
    with pytest.raises(PhotoError) as there:
        companion(wanted, CancelToken(), ignored, ignored)
    with pytest.raises(PhotoError) as beside:
        here(wanted, CancelToken(), ignored, ignored)
    assert str(there.value) == str(beside.value)
    wanted.source.write_bytes(whole)
    assert companion(wanted, CancelToken(), ignored, ignored).status == "done"


def test_cancelled_between_two_windows(
    companion: Companion, job: Callable[[str], Job], tmp_path: Path
) -> None:
    cancel, before = CancelToken(), contents(tmp_path)
    with pytest.raises(Cancelled):
        companion(job("result.png"), cancel, lambda progress: cancel.cancel(), ignored)
    assert contents(tmp_path) == before
    assert companion(job("result.png"), CancelToken(), ignored, ignored).status == "done"


def test_ctrl_c_is_not_for_companions(companion: Companion, job: Callable[[str], Job]) -> None:
    assert companion._process.pid
    os.kill(companion._process.pid, signal.SIGINT)
    assert companion(job("result.png"), CancelToken(), ignored, ignored).status == "done"


def test_until_they_are_ready_and_when_they_are_gone_all_is_done_here(
    job: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    with accompanied_by(1, 1) as workers:
        (only,) = workers._all
        with workers.one() as work:
            assert work is here or only.is_ready
        assert waited_for(lambda: only.is_ready)
        with workers.one() as first, workers.one() as second:
            assert first is only and second is here
        with workers.one() as work:
            assert work is only
            only._process.kill()
            with pytest.raises(PhotoError, match=r"photo\.png: .* fewer --jobs\.$"):
                work(job("result.png"), CancelToken(), ignored, ignored)
        with workers.one() as work:
            assert work is here


def test_a_companion_that_is_killed_at_work_costs_one_photo(job: Callable[[str], Job]) -> None:
    companion = Companion(1)
    assert waited_for(lambda: companion.is_ready)
    killing = threading.Event()

    def kill(progress: Progress) -> None:
        if not killing.is_set():
            killing.set()
            companion._process.kill()

    with pytest.raises(PhotoError, match="has ended"):
        companion(job("result.png"), CancelToken(), kill, ignored)
    assert not companion.is_ready
    companion.close()


BEGINS_ONE = """
import time
from gdp_desktop.commands.companions import Companion
if __name__ == "__main__":
    companion = Companion(1)
    while not companion.is_ready:
        time.sleep(0.02)
    print(companion._process.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are looked for by signals")
def test_a_companion_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    script = tmp_path / "begins_one.py"
    script.write_text(BEGINS_ONE)
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": root},
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert is_alive(pid)
        process.kill()
    assert waited_for(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # one that has ended may still be listed
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_command_with_companions_gives_the_same_files(
    restore: Run, put_photo: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [put_photo(f"{name}.png") for name in "abcdefgh"]
    one = restore(*photos, "-o", tmp_path / "one")
    asked: list[object] = []

    class Ready(Companions):
        def __init__(self, count: int, share: int) -> None:
            super().__init__(count, share)
            assert all(waited_for(lambda each=each: each.is_ready) for each in self._all)
            asked.extend(self._all)

    monkeypatch.setattr(module, "Companions", Ready)
    monkeypatch.setattr("gdp_desktop.commands.restore.FEWEST_ACCOMPANIED", 2)
    before = cores()
    take_cores(2)
    try:
        two = restore(*photos, "-o", tmp_path / "two", "--jobs", 2)
    finally:
        take_cores(before)
    assert len(asked) == 1
    assert one.code == two.code == 0 and not two.err
    assert [report["input"] for report in two.reports] == list(map(str, photos))
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


ROOM = 100 * PROGRAM


@pytest.mark.parametrize(("photos", "jobs", "devices", "free", "expected"), [
    (4 * FEWEST_ACCOMPANIED, 4, ["cpu"], ROOM, 3),
    (4 * FEWEST_ACCOMPANIED, 4, ["cpu"], None, 3),
    (4 * FEWEST_ACCOMPANIED, 4, ["cpu"], 8 * PROGRAM, 2),
    (4 * FEWEST_ACCOMPANIED, 4, ["cpu"], PROGRAM, 0),
    (4 * FEWEST_ACCOMPANIED - 1, 4, ["cpu"], ROOM, 0),
    (1000, 1, ["cpu"], ROOM, 0),
    (1000, 2, ["cuda:0", "cuda:1"], ROOM, 0),
    (1000, 2, ["cuda"], ROOM, 0),
])
def test_how_many_companions_there_are(
    photos: int, jobs: int, devices: list[str], free: int | None, expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gdp_desktop.commands.restore.free_bytes", lambda: free)
    assert companions_for(photos, jobs, devices) == expected


def test_what_a_companion_holds_is_its_own(
    companion: Companion, job: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight jobs together each would have an eighth of it."""
    sent: list[Job] = []
    with monkeypatch.context() as watched:
        watched.setattr(companion, "_connection", Recorded(companion._connection, sent))
        report = companion(replace(job("result.png"), at_once=8), CancelToken(), ignored, ignored)
    assert report.status == "done"
    assert [(each.at_once, each.in_process) for each in sent] == [(8, 1)]


class Recorded:
    """A connection, and the jobs that went through it."""

    def __init__(self, connection: Connection, jobs: list[Job]) -> None:
        self._connection, self._jobs = connection, jobs
        self.poll, self.recv = connection.poll, connection.recv

    def send(self, message: object) -> None:
        if isinstance(message, Job):
            self._jobs.append(message)
        self._connection.send(message)
