"""`restore`: every task, every way to name inputs and outputs, and everything that goes wrong."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.commands import costs
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.photo import load_photo
from gdp_desktop.restoration.job import CancelToken, Cost, Job, Progress, Report, Started
from gdp_desktop.restoration.restore import restore as real_restore
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.task import Task
from tests.contents import contents

from .conftest import SIZE, Outcome, Put, Run, raising

ENGINE = "gdp_desktop.commands.companions.restore"
BAD_USAGE, FAILED, INTERRUPTED = 2, 1, 130


@pytest.fixture(params=TASKS.values(), ids=lambda task: task.id)
def task(request: pytest.FixtureRequest) -> Task:
    return request.param


def test_every_task_restores_and_twice_the_same(
    task: Task, restore: Run, photo: Path, put_photo: Put, put_mask: Put
) -> None:
    others = [put_photo(f"photo{number}.png") for number in range(task.others[0])]
    before = contents(photo.parent)
    mask = ("--mask", put_mask()) if task.needs_mask else ()
    if task.id == "colorization":  # the photo has colours
        mask = ("--param", "colour_photo=recolour")
    first, second = (
        restore(photo, *others, *mask, "--seed", 3, task=task.id) for _ in range(2)
    )
    after = contents(photo.parent)

    assert (first.code, second.code) == (0, 0)
    assert not first.err and not second.err
    [report] = first.reports
    assert set(report) == {field.name for field in fields(Report)}
    assert report["status"] == "done" and report["task"] == task.id and report["seed"] == 3
    assert report["error"] is None and report["steps"] == 1 and report["evaluations"] > 0
    assert report["prior"] == "tiny" and len(report["prior_sha256"]) == 64
    # By-products are named after the result; of a scene any photo may be the best exposed.
    name = Path(report["input"]).stem
    results = {f"{name}-restored.png", f"{name}-restored-2.png"}
    assert {n for n in set(after) - set(before) if n.count(".") == 1} == results
    assert after[f"{name}-restored.png"] == after[f"{name}-restored-2.png"]
    assert all(after[path] == data for path, data in before.items())
    scale = task.scale(task.values({}))
    result = load_photo(report["output"])
    assert result.size == Size(SIZE.width * scale, SIZE.height * scale)


@pytest.mark.parametrize("task", ["denoise", "super-resolution"])
def test_the_shipped_prior_restores(task: str, run: Run, photo: Path) -> None:
    outcome = run("restore", photo, "--task", task, "--steps", 2, "--json")
    assert outcome.code == 0
    assert outcome.reports[0]["prior"] == "photo-small"


def test_without_json_it_prints_where_the_result_is(run: Run, prior: Path, photo: Path) -> None:
    outcome = run("restore", photo, "--task", "denoise", "--prior", prior)
    assert outcome.code == 0 and not outcome.err
    assert outcome.out.startswith(str(photo.with_name("photo-restored.png")))


def test_parameters_change_the_result(restore: Run, photo: Path) -> None:
    automatic = restore(photo, "--param", "sigma=auto")
    strong = restore(photo, "--param", "sigma=40", "--param", "strength=2")
    assert automatic.code == strong.code == 0
    assert strong.reports[0]["degradation"]["noise_sigma"] == 80
    results = contents(photo.parent)
    assert results["photo-restored.png"] != results["photo-restored-2.png"]


def test_a_parameter_may_be_written_with_spaces(restore: Run, photo: Path) -> None:
    [report] = restore(photo, "--param", "sigma = 3").reports
    assert report["degradation"]["noise_sigma"] == 3


def test_only_what_was_painted_changes(restore: Run, photo: Path, put_mask: Put) -> None:
    [report] = restore(photo, "--mask", put_mask(), task="inpainting").reports
    before, after = load_photo(photo).pixels, load_photo(report["output"]).pixels
    assert (before[30:] == after[30:]).all() and (before != after).any()


def test_the_mask_among_the_photos_is_none_of_them(
    restore: Run, put_photo: Put, put_mask: Put, folder: Path
) -> None:
    put_photo("a.png")
    mask = put_mask().replace(folder / "dust.png")
    for given in ([folder], [folder / "a.png", mask]):
        reports = restore(*given, "--mask", mask, task="inpainting").reports
        assert [Path(report["input"]).name for report in reports] == ["a.png"]
    # Nobody gives a photo for nothing.
    [report] = restore(mask, "--mask", mask, task="inpainting").reports
    assert report["input"] == str(mask)


class TestNames:
    def test_a_missing_output_folder_is_made(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        outcome = restore(photo, "-o", tmp_path / "new" / "folder")
        assert outcome.code == 0
        assert list(contents(tmp_path / "new")) == ["folder/photo-restored.png"]
        assert list(contents(photo.parent)) == ["photo.png"]

    @pytest.mark.parametrize("ending", [".png", ".JPG", ".tif", ".webp"])
    def test_one_result_can_be_named_and_so_its_format(
        self, ending: str, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        wished = tmp_path / "new" / f"bright{ending}"
        [report] = restore(photo, "-o", wished).reports
        assert report["output"] == str(wished) and load_photo(wished).size == SIZE
        assert list(contents(tmp_path / "new")) == [wished.name]
        before = wished.read_bytes()
        again = restore(photo, "-o", wished)
        assert again.code == FAILED and "already exists" in again.sentence
        assert wished.read_bytes() == before
        assert restore(photo, "-o", wished, "--overwrite").code == 0

    def test_a_folder_may_be_named_like_a_photo(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "folder.png").mkdir()
        assert restore(photo, "-o", tmp_path / "folder.png").code == 0
        assert list(contents(tmp_path / "folder.png")) == ["photo-restored.png"]

    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    def test_a_named_result_never_takes_the_place_of_the_photo(
        self, overwrite: tuple[str], restore: Run, photo: Path
    ) -> None:
        before = photo.read_bytes()
        outcome = restore(photo, "-o", photo, *overwrite)
        assert outcome.code == FAILED and "take the place" in outcome.sentence
        assert contents(photo.parent) == {photo.name: before}

    def test_a_named_result_never_takes_the_place_of_the_mask(
        self, restore: Run, photo: Path, put_mask: Put
    ) -> None:
        mask = put_mask()
        before = mask.read_bytes()
        outcome = restore(photo, "--mask", mask, "-o", mask, "--overwrite")
        assert outcome.code == FAILED and "take the place" in outcome.sentence
        assert mask.read_bytes() == before

    def test_names_differ_where_upper_case_counts_as_lower_case(
        self, restore: Run, put_photo: Put, folder: Path, tmp_path: Path
    ) -> None:
        put_photo("one/A.png")
        put_photo("two/a.png")
        assert restore(folder, "-o", tmp_path / "out").code == 0
        results = contents(tmp_path / "out")
        assert len({name.casefold() for name in results}) == len(results) == 2

    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    def test_equal_names_do_not_collide(
        self, overwrite: tuple[str], restore: Run, put_photo: Put, folder: Path, tmp_path: Path
    ) -> None:
        put_photo("photo.png")
        put_photo("more/photo.png")
        outcome = restore(folder, "-o", tmp_path / "out", *overwrite)
        assert outcome.code == 0
        results = contents(tmp_path / "out")
        assert list(results) == ["photo-restored-2.png", "photo-restored.png"]
        assert len(set(results.values())) == 2

    @pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
    def test_what_is_found_beside_two_results_does_not_collide(
        self, overwrite: tuple[str], restore: Run, put_photo: Put, folder: Path
    ) -> None:
        for name in ("photo.png", "photo.jpg"):
            put_photo(name)
        kind = ("--param", "kind=blind", "--steps", 1)
        assert restore(folder, *kind, *overwrite, task="deblurring").code == 0
        stems = {path.name.split(".")[0] for path in folder.iterdir()}
        assert stems == {"photo", "photo-restored", "photo-restored-2"}
        assert len(list(folder.glob("*.kernel.png"))) == 2

    def test_an_existing_file_is_only_replaced_with_overwrite(
        self, restore: Run, photo: Path
    ) -> None:
        old = photo.with_name("photo-restored.png")
        old.write_bytes(b"old")
        assert restore(photo).code == 0
        assert old.read_bytes() == b"old"
        assert restore(photo, "--overwrite").code == 0
        assert old.read_bytes() == photo.with_name("photo-restored-2.png").read_bytes()

    def test_overwrite_never_replaces_another_input(self, restore: Run, put_photo: Put) -> None:
        photo, other = put_photo("photo.png"), put_photo("photo-restored.png")
        before = other.read_bytes()
        assert restore(photo, other, "--overwrite").code == 0
        assert other.read_bytes() == before

    def test_overwrite_never_replaces_an_input_behind_a_link(
        self, restore: Run, put_photo: Put
    ) -> None:
        photo, other = put_photo("photo.png"), put_photo("other.png")
        before = other.read_bytes()
        photo.with_name("photo-restored.png").symlink_to(other)
        assert restore(photo, other, "--overwrite").code == 0
        assert other.read_bytes() == before

    def test_a_photo_named_twice_is_restored_once(self, restore: Run, photo: Path) -> None:
        assert len(restore(photo, photo.parent, photo).reports) == 1

    def test_results_are_not_restored_again(self, restore: Run, photo: Path) -> None:
        assert len(restore(photo.parent).reports) == len(restore(photo.parent).reports) == 1

    def test_a_photo_named_like_a_command(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(photo, photo.with_name("restore"))
        monkeypatch.chdir(photo.parent)
        assert restore("./restore").code == 0
        assert photo.with_name("restore-restored.png").is_file()


class TestBadUsage:
    """Exit code 2: one sentence, nothing started, nothing on standard output."""

    @pytest.mark.parametrize(("words", "said"), [
        (["--task", "sharpen"], "denoise"),
        (["--param", "radius=2"], "sigma"),
        (["--param", "sigma"], "key=value"),
        (["--param", "sigma="], "key=value"),
        (["--param", "=3"], "key=value"),
        (["--param", "sigma=high"], "number"),
        (["--param", "strength=auto"], "number"),
        (["--param", "sigma=-1"], "0 to 100"),
        (["--param", "sigma=nan"], "0 to 100"),
        (["--steps", "0"], "1 to 1000"),
        (["--steps", "many"], "--steps"),
        (["--seed", "-1"], "whole number"),
        (["--seed", "1e3"], "whole number"),
        (["--amount", "1.01"], "0 to 1"),
        (["--amount", "nan"], "0 to 1"),
        (["--amount", "half"], "0 to 1"),
        (["--device", "abacus"], "cpu"),
        (["--no-such-option"], "--no-such-option"),
        (["--prior", "no-such-prior"], "no-such-prior"),
        (["--mask", "no-such-mask.png"], "no-such-mask.png"),
        (["--task", "inpainting"], "--mask"),
    ], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
    def test_is_said(self, words: list[str], said: str, restore: Run, photo: Path) -> None:
        self.refused(restore, photo, words, said)

    def refused(self, restore: Run, photo: Path, words: list[Any], said: str) -> None:
        before = contents(photo.parent)
        outcome = restore(photo, *words)
        assert outcome.code == BAD_USAGE
        assert said in outcome.sentence and not outcome.out
        assert contents(photo.parent) == before

    @pytest.mark.parametrize("words", [[], ["--task", "denoise"], ["photo.png"], ["--task"]])
    def test_something_is_missing(self, words: list[str], run: Run) -> None:
        outcome = run("restore", *words)
        assert outcome.code == BAD_USAGE and outcome.sentence and not outcome.out

    def test_a_checkpoint_that_is_not_one(self, restore: Run, photo: Path, tmp_path: Path) -> None:
        fake = tmp_path / "fake.safetensors"
        for content in (b"", b"no weights", photo.read_bytes()):
            fake.write_bytes(content)
            self.refused(restore, photo, ["--prior", fake], "fake.safetensors")
        self.refused(restore, photo, ["--prior", photo], "photo.png")

    def test_a_damaged_prior(
        self, restore: Run, photo: Path, prior: Path, tmp_path: Path
    ) -> None:
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(prior.read_bytes()[:-100])
        self.refused(restore, photo, ["--prior", cut], "cut.safetensors")

    def test_output_is_another_kind_of_file(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "notes.txt").write_text("no folder")
        self.refused(restore, photo, ["-o", tmp_path / "notes.txt"], "not a folder")

    def test_output_is_a_picture_of_another_format(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        for name in ("result.bmp", "result.JP2", "result.heic"):
            self.refused(restore, photo, ["-o", tmp_path / name], ".png")
        assert restore(photo, "-o", tmp_path / "of.2026").code == 0
        (tmp_path / "album.gif").mkdir()
        assert restore(photo, "-o", tmp_path / "album.gif").code == 0

    def test_the_costs_of_several_photos(
        self, restore: Run, photo: Path, put_photo: Put, put_mask: Put, folder: Path
    ) -> None:
        put_photo("grey.png", Size(30, 20))
        (folder / "bad.png").write_text("no picture")
        mask = put_mask()
        outcome = restore(photo, folder / "grey.png", folder / "bad.png", "--mask", mask,
                          "--estimate")
        lines = outcome.err.splitlines()
        assert outcome.code == FAILED and len(lines) == 2
        assert "grey.png: The mask has" in lines[0] and "bad.png" in lines[1]

    def test_what_several_results_will_cost(self, restore: Run, photo: Path) -> None:
        one, three = (
            restore(photo, "--estimate", "--json", "--samples", n).reports[0] for n in (1, 3)
        )
        assert three["evaluations"] == 3 * one["evaluations"] and three["bytes"] == one["bytes"]

    def test_a_photo_that_cannot_be_told_does_not_stop_the_others(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def too_much(job: object) -> None:
            raise MemoryError

        monkeypatch.setattr(costs, "estimate", too_much)
        outcome = restore(photo, photo.with_name("missing.png"), "--estimate")
        assert outcome.code == FAILED and len(outcome.err.splitlines()) == 2
        assert "not enough memory" in outcome.err and "missing.png" in outcome.err

    def test_one_file_for_several_results(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        words = ["-o", tmp_path / "out" / "result.png", "--samples", 2]
        self.refused(restore, photo, words, "one file for 2 results")
        assert not (tmp_path / "out").exists()

    def test_output_folder_cannot_be_made(self, restore: Run, photo: Path) -> None:
        self.refused(restore, photo, ["-o", photo / "below"], "-o")

    def test_a_black_mask(self, restore: Run, photo: Path, put_mask: Put) -> None:
        self.refused(restore, photo, ["--mask", put_mask(radius=0)], "black")

    def test_a_mask_where_none_can_be(self, restore: Run, photo: Path, put_mask: Put) -> None:
        words = ["--task", "super-resolution", "--mask", put_mask()]
        self.refused(restore, photo, words, "--mask")

    def test_a_mask_that_is_no_picture(self, restore: Run, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "mask.png").write_text("not a picture")
        self.refused(restore, photo, ["--mask", tmp_path / "mask.png"], "mask.png")


class TestFailures:
    """Exit code 1: one sentence per file, a report for each, and the others go on."""

    def failed(self, restore: Run, *words: str | Path, said: str) -> None:
        outcome = restore(*words)
        assert outcome.code == FAILED
        assert said in outcome.sentence
        [report] = [report for report in outcome.reports if report["status"] == "failed"]
        assert report["error"] in outcome.err and report["output"] is None

    def test_one_bad_file_in_a_folder(self, restore: Run, put_photo: Put, folder: Path) -> None:
        put_photo("a.png")
        (folder / "b.jpg").write_text("not a picture")
        put_photo("c.png")
        self.failed(restore, folder, said=str(folder / "b.jpg"))
        assert set(contents(folder)) == {
            "a.png", "a-restored.png", "b.jpg", "c.png", "c-restored.png"
        }

    def test_a_file_that_is_cut_off(self, restore: Run, photo: Path) -> None:
        photo.write_bytes(photo.read_bytes()[:200])
        self.failed(restore, photo, said="photo.png")
        assert list(contents(photo.parent)) == ["photo.png"]

    def test_an_input_that_does_not_exist(
        self, restore: Run, photo: Path, tmp_path: Path
    ) -> None:
        missing = tmp_path / "missing.png"
        self.failed(restore, missing, photo, said="missing.png does not exist")
        assert photo.with_name("photo-restored.png").is_file()

    def test_a_folder_with_nothing_in_it(self, restore: Run, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        self.failed(restore, tmp_path / "empty", "-o", tmp_path / "out", said="holds no photos")
        assert not (tmp_path / "out").exists()

    def test_a_mask_of_another_size(
        self, restore: Run, put_photo: Put, put_mask: Put, folder: Path
    ) -> None:
        put_photo("fits.png")
        put_photo("wide.png", Size(80, 48))
        self.failed(restore, folder, "--mask", put_mask(), said="64×48")
        assert (folder / "fits-restored.png").is_file()
        assert not (folder / "wide-restored.png").exists()

    def test_a_full_disk(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "fsync", raising(OSError(errno.ENOSPC, "No space left")))
        self.failed(restore, photo, said="disk is full")
        assert list(contents(photo.parent)) == ["photo.png"]

    def test_a_read_only_folder_is_noticed_before_the_work(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ENGINE, raising(AssertionError("it was started")))
        if os.geteuid() == 0:  # who may write everywhere
            monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
        photo.parent.chmod(0o555)
        try:
            self.failed(restore, photo, said="read-only")
        finally:
            photo.parent.chmod(0o755)
        assert list(contents(photo.parent)) == ["photo.png"]

    def test_too_little_memory(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ENGINE, raising(MemoryError()))
        self.failed(restore, photo, said="memory")
        with pytest.raises(RuntimeError) as torch_s:
            torch.empty(2**46)
        with pytest.raises(cv2.error) as open_cv_s:
            cv2.resize(np.zeros((2, 2), np.uint8), (2**22, 2**22))
        for error in (torch_s.value, open_cv_s.value):
            monkeypatch.setattr(ENGINE, raising(error))
            self.failed(restore, photo, said="There is not enough memory")

    def test_what_nobody_foresaw(
        self, restore: Run, put_photo: Put, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_photo("a.png")
        put_photo("b.png")
        monkeypatch.setattr(ENGINE, _only_for("b.png", ZeroDivisionError("over\nnought")))
        monkeypatch.delenv("GDP_DEBUG", raising=False)
        self.failed(restore, folder, said="failed unexpectedly (ZeroDivisionError: over nought)")

    def test_a_traceback_for_those_who_ask(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ENGINE, raising(ZeroDivisionError("nought")))
        monkeypatch.setenv("GDP_DEBUG", "1")
        outcome = restore(photo)
        assert outcome.code == FAILED
        assert "Traceback" in outcome.err and len(outcome.reports) == 1

    def test_errors_without_json_are_no_output(
        self, run: Run, prior: Path, tmp_path: Path
    ) -> None:
        outcome = run("restore", tmp_path / "no.png", "--task", "denoise", "--prior", prior)
        assert outcome.code == FAILED and outcome.sentence and not outcome.out


class TestCtrlC:
    def test_stops_the_running_file_and_starts_no_other(
        self, restore: Run, put_photo: Put, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a.png", "b.png", "c.png"):
            put_photo(name)
        monkeypatch.setattr(ENGINE, _interrupted_at("b.png"))
        before = signal.getsignal(signal.SIGINT)
        outcome = restore(folder)
        assert outcome.code == INTERRUPTED
        assert [report["status"] for report in outcome.reports] == ["done", "cancelled"]
        assert outcome.err.splitlines() == [
            f"{folder / 'b.png'}: Cancelled.", "1 photo was not started."
        ]
        assert set(contents(folder)) == {"a.png", "a-restored.png", "b.png", "c.png"}
        assert signal.getsignal(signal.SIGINT) is before

    def test_pressed_twice(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ENGINE, _interrupted_at("photo.png", times=2))
        outcome = restore(photo)
        assert outcome.code == INTERRUPTED and outcome.sentence == "Cancelled."
        assert outcome.reports[0]["status"] == "cancelled"

    def test_before_anything_runs(
        self, restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gdp_desktop.commands.request.load_prior", raising(KeyboardInterrupt))
        outcome = restore(photo)
        assert outcome.code == INTERRUPTED and outcome.sentence == "Cancelled."


def test_the_progress_line_is_for_terminals_only(
    restore: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not restore(photo).err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    outcome = restore(photo)
    assert "photo.png" in outcome.err and "%" in outcome.err and len(outcome.reports) == 1


def test_without_standard_error_photos_are_restored_as_well(
    run: Run, prior: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(photo: Path) -> Outcome:
        monkeypatch.setattr(sys, "stderr", None)
        outcome = run("restore", photo, "--task", "denoise", "--prior", prior)
        sys.stderr.close()
        return outcome

    done = without(photo)
    assert done.code == 0 and "photo-restored.png" in done.out
    # What is said there does not end up among the results.
    failed = without(photo.with_name("gone.png"))
    assert failed.code == FAILED and not failed.out


@pytest.mark.parametrize(("seconds", "as_json", "told"), [
    (220.0, (), ["photo.png: about 3:40, 1.1 GB of memory, 1 evaluations"]),
    (59.0, (), []), (220.0, ("--json",), []),
])
def test_a_long_job_is_announced(
    seconds: float, as_json: tuple[str, ...], told: list[str], run: Run, prior: Path, photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ENGINE, _costing(seconds))
    noisy = ("--task", "denoise", "--param", "sigma=20")
    outcome = run("restore", photo, *noisy, "--prior", prior, *as_json)
    assert outcome.code == 0 and outcome.err.splitlines() == told


def _only_for(name: str, error: Exception) -> Callable[..., Iterator[Any]]:
    def engine(job: Job, *rest: Any, **more: Any) -> Iterator[Any]:
        if job.source.name == name:
            raise error
        return real_restore(job, *rest, **more)

    return engine


def _interrupted_at(name: str, times: int = 1) -> Callable[..., Iterator[Any]]:
    """The engine, with Ctrl-C pressed in the first window of a photo."""

    def engine(
        job: Job, cancel: CancelToken, on_window: Callable[[Progress], None], **more: Any
    ) -> Iterator[Any]:
        def press(progress: Progress) -> None:
            on_window(progress)
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

        heard = press if job.source.name == name else on_window
        return real_restore(job, cancel, heard, **more)

    return engine


def _costing(seconds: float) -> Callable[..., Iterator[Any]]:
    """The engine on a machine where the prior was timed."""

    def engine(*given: Any, **more: Any) -> Iterator[Any]:
        for event in real_restore(*given, **more):
            yield Started(event.total, Cost(seconds, 2**30, event.total)) if isinstance(
                event, Started) else event

    return engine
