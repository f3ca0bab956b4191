"""`restore --jobs`: several photos at once, and nothing else is different."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gdp_desktop.commands.restore import Devices
from gdp_desktop.diffusion.at_once import cores, take_cores
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.restoration import memory, priors
from gdp_desktop.restoration.job import CancelToken, Job
from gdp_desktop.restoration.restore import restore as real_restore
from tests.contents import contents

from .conftest import Put, Run

ENGINE = "gdp_desktop.commands.companions.restore"


@pytest.fixture(autouse=True)
def _two_cores() -> Iterator[None]:
    before = cores()
    take_cores(2)
    yield
    take_cores(before)


@pytest.fixture
def photos(put_photo: Put) -> list[Path]:
    return [put_photo(f"{name}.png") for name in "abcd"]


def test_the_same_files_and_reports_in_the_same_order(
    restore: Run, photos: list[Path], tmp_path: Path
) -> None:
    one = restore(*photos, "-o", tmp_path / "one")
    two = restore(*photos, "-o", tmp_path / "two", "--jobs", 2)
    assert one.code == two.code == 0 and not two.err
    assert [report["input"] for report in two.reports] == list(map(str, photos))
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert len(contents(tmp_path / "two")) == len(photos)


def test_two_are_under_way_together_on_half_the_cores_each(
    restore: Run, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(2, timeout=30)
    shares = []

    def met(job: Job, *more: Any, **named: Any) -> Iterator[Any]:
        meeting.wait()  # alone, a job would wait here until the barrier breaks
        shares.append(cores())
        return real_restore(job, *more, **named)

    monkeypatch.setattr(ENGINE, met)
    outcome = restore(*photos, "--jobs", 2)
    assert outcome.code == 0 and shares == [1] * len(photos)
    assert cores() == 2


def test_equal_names_are_numbered_in_the_order_of_the_photos(
    restore: Run, put_photo: Put, folder: Path, tmp_path: Path
) -> None:
    put_photo("photo.png")
    put_photo("more/photo.png")
    outcome = restore(folder, "-o", tmp_path / "out", "--jobs", 2)
    alone = restore(folder, "-o", tmp_path / "alone")
    names = [[Path(report["output"]).name for report in o.reports] for o in (outcome, alone)]
    assert names[0] == names[1] and len(set(names[0])) == 2


def test_one_that_fails_does_not_stop_the_others(restore: Run, photos: list[Path]) -> None:
    photos[1].write_bytes(b"no picture")
    outcome = restore(*photos, "--jobs", 2)
    assert outcome.code == 1
    states = [report["status"] for report in outcome.reports]
    assert states == ["done", "failed", "done", "done"]
    assert outcome.sentence


def test_cancelled_jobs_are_told_and_the_rest_is_not_begun(
    restore: Run, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(job: Job, cancel: CancelToken, *more: Any, **named: Any) -> Iterator[Any]:
        cancel.cancel()
        return real_restore(job, cancel, *more, **named)

    monkeypatch.setattr(ENGINE, cancelled)
    outcome = restore(*photos, "--jobs", 2)
    assert outcome.code == 130
    told = [report["status"] for report in outcome.reports]
    assert 1 <= len(told) <= 2 and set(told) == {"cancelled"}
    unstarted = len(photos) - len(told)
    were = "photo was" if unstarted == 1 else "photos were"
    assert f"{unstarted} {were} not started." in outcome.err
    assert set(contents(photos[0].parent)) == {path.name for path in photos}


def test_the_memory_limit_is_for_all_together(restore: Run, photos: list[Path]) -> None:
    alone = restore(*photos, "--memory-limit", 0.5)
    together = restore(*photos, "--memory-limit", 0.5, "--jobs", 2)
    assert alone.code == 0 and together.code == 1
    assert all("0.2 GB are allowed" in report["error"] for report in together.reports)


@pytest.mark.parametrize(("jobs", "expected"), [(1, ["cuda:0"]), (2, ["cuda:0", "cuda:1"])])
def test_where_there_are_two_graphics_cards_each_job_has_one(
    jobs: int, expected: list[str], restore: Run, photos: list[Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = restore(*photos, "-o", tmp_path / "here")
    assert here.code == 0
    on, loaded = UNetPrior.on, []

    def pretended(self: UNetPrior, device: str) -> UNetPrior:
        loaded.append(device)
        return on(self, "cpu")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(memory, "free_on_card", lambda device: 0)
    monkeypatch.setattr(priors, "_kept", {})
    monkeypatch.setattr(UNetPrior, "on", pretended)
    outcome = restore(*photos, "-o", tmp_path / "there", "--jobs", jobs)
    assert sorted({report["device"] for report in outcome.reports}) == expected
    # Each is read once, however many photos it sees.
    assert sorted(loaded) == expected
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_jobs_at_once_are_shared_out_evenly_between_cards() -> None:
    two = Devices(["cuda:0", "cuda:1"], 2)
    with two.one() as first:
        for _ in range(3):  # short ones beside a long one
            with two.one() as second:
                assert {first, second} == {"cuda:0", "cuda:1"}
    with Devices(["cuda:0", "cuda:1"], 3).one() as first:
        assert first == "cuda:0"


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5"])
def test_a_number_of_jobs_that_cannot_be(wrong: str, restore: Run, photo: Path) -> None:
    outcome = restore(photo, "--jobs", wrong)
    assert outcome.code == 2 and f'"{wrong}" is not a whole number above 0' in outcome.err
