"""What a job costs is told before it runs, and what does not fit is refused before any work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.diffusion import at_once
from gdp_desktop.diffusion.at_once import share_of_cores, sharing_cores
from gdp_desktop.diffusion.checkpoints import serialise_unet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration import memory, priors
from gdp_desktop.restoration.cost import BFLOAT16_GAIN, WINDOWS_PER_JOB, cost
from gdp_desktop.restoration.estimate import estimate, price
from gdp_desktop.restoration.job import Cancelled, CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.restore import restore
from gdp_desktop.restoration.timing import measured_speed, seconds_of

SPEED = Speed(2.0, 512, "cpu", "float32")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDP_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(priors, "_kept", {})  # with the speeds of another folder


@pytest.fixture(scope="module")
def prior_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    file.write_bytes(serialise_unet(UNet(UNetConfig(widths=(8, 8, 8), embedding=16)), {"step": 0}))
    return file


@pytest.fixture
def job(tmp_path: Path, prior_file: Path) -> Callable[..., Job]:
    def make(width: int = 80, height: int = 64, task: str = "denoise", **more) -> Job:
        pixels = np.random.default_rng(0).integers(60, 90, (height, width, 3), dtype=np.uint8)
        file = tmp_path / f"{width}x{height}.png"
        cv2.imwrite(str(file), pixels)
        limit = more.pop("memory_limit", None)
        if task == "denoise":  # a prior that knows nothing finds no noise
            more["params"] = {"sigma": 20} | more.get("params", {})
        recipe = Recipe(task, prior=str(prior_file), device="cpu", **more)
        return Job(file, recipe, memory_limit=limit)

    return make


@pytest.mark.parametrize("task", ["denoise", "low-light", "super-resolution"])
def test_evaluations_are_those_of_the_job(task: str, job: Callable[..., Job]) -> None:
    asked = job(task=task, steps=2)
    *_, finished = restore(asked, CancelToken())
    assert isinstance(finished, Finished)
    assert estimate(asked).evaluations == finished.report.evaluations


def test_time_follows_pixels_steps_and_speed(job: Callable[..., Job]) -> None:
    fixed = WINDOWS_PER_JOB * SPEED.seconds
    small, large = (cost(prepare(job(side, side, steps=2)), SPEED) for side in (64, 256))
    assert large.seconds - fixed > 8 * (small.seconds - fixed) > 0
    more = cost(prepare(job(256, 256, steps=6)), SPEED)
    assert 2 < (more.seconds - fixed) / (large.seconds - fixed) < 3
    slower = cost(prepare(job(256, 256, steps=2)), replace(SPEED, seconds=6.0))
    assert slower.seconds == pytest.approx(3 * large.seconds)


def test_a_blur_takes_longer_to_guide(job: Callable[..., Job]) -> None:
    plain, blurred = (prepare(job(task=task, steps=2)) for task in ("denoise", "deblurring"))
    fixed = WINDOWS_PER_JOB * SPEED.seconds
    per_pixel = [
        (cost(ready, SPEED).seconds - fixed) / ready.solver.total_pixels
        for ready in (plain, blurred)
    ]
    assert 1.4 < per_pixel[1] / per_pixel[0] < 1.7


def test_a_kernel_that_has_to_be_found_takes_longer_to_begin(job: Callable[..., Job]) -> None:
    asked = job(task="deblurring", steps=2)
    found = replace(asked, recipe=replace(asked.recipe, params={"kind": "blind"}))
    told, blind = (cost(prepare(each), SPEED).seconds for each in (asked, found))
    share = 80 * 64 / SPEED.window**2
    assert blind - told == pytest.approx(SPEED.seconds * BlindBlur.windows_to_begin * share)


def test_what_is_beside_windows_in_bfloat16_weighs_more(job: Callable[..., Job]) -> None:
    ready = prepare(job(256, 256, steps=2))
    windows = ready.solver.total_pixels / SPEED.window**2 + WINDOWS_PER_JOB
    network = SPEED.seconds * windows
    single, half = (
        cost(ready, replace(SPEED, precision=precision)).seconds
        for precision in ("float32", "bfloat16")
    )
    assert half - network == pytest.approx(BFLOAT16_GAIN * (single - network))
    card = cost(ready, replace(SPEED, precision="bfloat16", device="cuda")).seconds
    assert card == pytest.approx(single)


@pytest.mark.parametrize("method", ["adaptive", "gdp-x0", "ddnm", "dps"])
def test_every_kind_of_method_knows_its_pixels(method: str, job: Callable[..., Job]) -> None:
    ready = prepare(job(80, 64, "super-resolution", method=method, params={"scale": 2}, steps=2))
    windows = ready.solver.total_windows
    # There, and there and back, make three times as much in two windows.
    most = windows * ready.size.pixels * (3 if ready.method.goes_back else 2) // 2
    assert 0 < ready.solver.total_pixels <= most
    if method == "dps":
        assert ready.solver.total_pixels == most == 3 * 2 * ready.size.pixels


def test_a_limit_too_low_is_refused_with_both_figures(job: Callable[..., Job]) -> None:
    heard: list[int] = []
    tight = job(memory_limit=2**28)
    with pytest.raises(PhotoError) as raised:
        list(restore(tight, CancelToken(), lambda progress: heard.append(progress.done)))
    text = str(raised.value)
    assert text.endswith(".") and "0.3 GB are allowed" in text and text.count("GB") == 2
    assert not heard
    assert price(tight, CancelToken()) is None
    with pytest.raises(PhotoError):
        estimate(tight)


def test_a_photo_too_large_for_the_machine_is_refused(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 2**20)
    monkeypatch.setattr(memory, "held_bytes", lambda: 0)
    with pytest.raises(PhotoError, match="are free"):
        prepare(job())
    monkeypatch.setattr(memory, "free_bytes", lambda: None)  # nobody knows
    prepare(job())


def test_the_limit_changes_no_byte(job: Callable[..., Job]) -> None:
    results = []
    for limit in (None, 2**40):
        *_, finished = restore(job(steps=1, memory_limit=limit), CancelToken())
        assert isinstance(finished, Finished)
        results.append(finished.photo.pixels)
    assert np.array_equal(*results)


def test_nobody_waits_for_a_price_that_is_no_longer_wanted(job: Callable[..., Job]) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        price(job(), token)


def test_jobs_at_once_share_what_is_free(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others hold is not there for this one."""
    alone = job()
    needed = prepare(alone).room.bytes
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    monkeypatch.setattr(memory, "held_bytes", lambda: needed)
    prepare(alone)
    with pytest.raises(PhotoError, match="of 4 photos at once; take fewer at once"):
        prepare(replace(alone, at_once=4))
    prepare(replace(alone, at_once=4, in_process=1))  # all that this process holds is its own
    each = needed - memory.PROGRAM
    monkeypatch.setattr(memory, "held_bytes", lambda: memory.PROGRAM + 4 * each)
    prepare(replace(alone, at_once=4))
    # What is free is shared between processes as well.
    monkeypatch.setattr(memory, "held_bytes", lambda: memory.PROGRAM)
    monkeypatch.setattr(memory, "free_bytes", lambda: 4 * each - 4)
    with pytest.raises(PhotoError, match="take fewer at once"):
        prepare(replace(alone, at_once=4, in_process=1))
    monkeypatch.setattr(memory, "free_bytes", lambda: 4 * each)
    prepare(replace(alone, at_once=4, in_process=1))


def test_with_fewer_cores_it_takes_longer(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = prepare(job())
    here = cost(ready, SPEED).seconds
    monkeypatch.setattr(at_once, "ALL_CORES", 2)
    with sharing_cores(2) as each:
        assert each.submit(share_of_cores).result() == 0.5
        assert each.submit(lambda: cost(ready, SPEED).seconds).result() == pytest.approx(2 * here)
        on_card = each.submit(lambda: cost(ready, replace(SPEED, device="cuda")).seconds).result()
    assert on_card == pytest.approx(here)


def test_a_speed_measured_while_something_began_is_not_remembered(
    job: Callable[..., Job], prior_file: Path
) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        seconds_of(cancel.cancel, cancel)
    asked = job()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        measured_speed(str(prior_file), "cpu", cancel)
    assert prepare(asked).loaded.speed is None
    estimate(asked)
    assert prepare(asked).loaded.speed is not None


@pytest.mark.parametrize(("suffix", "most"), [(".webp", 16383), (".jpg", 65500)])
def test_a_result_too_wide_for_its_format_is_refused_before_the_work(
    suffix: str, most: int, job: Callable[..., Job], tmp_path: Path
) -> None:
    wide = job(-(-(most + 1) // 4), 8, "super-resolution", params={"scale": 4})
    with pytest.raises(PhotoError, match=f"at most {most} pixels"):
        prepare(replace(wide, output=tmp_path / f"result{suffix}"))
    prepare(replace(wide, output=tmp_path / "result.png"))
