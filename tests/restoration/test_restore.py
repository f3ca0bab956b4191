"""A job from the file to the result, with a network of random weights in place of a prior."""

import hashlib
import json
import math
import os
import time
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save

from gdp_desktop.degradations import kernel_search
from gdp_desktop.degradations.blind_blur import NO_BLUR
from gdp_desktop.diffusion.checkpoints import CheckpointError, serialise_unet, sha256_of
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image import photo as image
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.files import version_of
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.levels import level_count
from gdp_desktop.restoration import prepare, priors
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.job import (
    Cancelled,
    CancelToken,
    Finished,
    Job,
    Preview,
    Progress,
    Recipe,
    Started,
)
from gdp_desktop.restoration.preview import PREVIEW_SIDE
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.restoration.restore import restore
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.param import TaskError
from tests.gaussian_prior import GaussianPrior
from tests.image.handmade import noise, png16, png_chunk

SIZES = [(1, 1), (5, 3), (17, 23), (64, 48), (130, 70)]
all_tasks = pytest.mark.parametrize("task", TASKS)


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return text.endswith(".") and "\n" not in text and 10 < len(text) < 400


@pytest.fixture(scope="module")
def prior_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = UNet(UNetConfig((8, 8, 8), (1, 1, 1), 16))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    file = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    file.write_bytes(serialise_unet(network, {"step": 0}))
    return file


@pytest.fixture
def photo_file(tmp_path: Path) -> Callable[..., Path]:
    """photo_file(width, height) writes a textured picture and tells where."""

    def write(width: int, height: int, bits: int = 8, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        coarse = rng.random((max(2, height // 8), max(2, width // 8), 3)).astype(np.float32)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        picture = 0.1 + 0.6 * picture + 0.02 * rng.standard_normal(picture.shape)
        peak = 2**bits - 1
        pixels = np.rint(picture.clip(0, 1) * peak).astype(np.uint8 if bits == 8 else np.uint16)
        file = tmp_path / f"photo-{width}x{height}-{bits}.png"
        assert cv2.imwrite(str(file), pixels)
        return file

    return write


def small_windows(monkeypatch: pytest.MonkeyPatch, window: int = 48, halo: int = 8) -> None:
    """Even a small photo takes several windows."""

    def load(name: str, device: str) -> priors.LoadedPrior:
        loaded = load_prior(name, device)
        return replace(loaded, prior=replace(loaded.prior, window=window, halo=halo))

    monkeypatch.setattr(prepare, "load_prior", load)


def test_a_photo_that_was_changed_since_it_was_opened_is_refused(
    prior_file: Path, photo_file: Callable[..., Path]
) -> None:
    """A mask that was painted before would lie in the wrong place."""
    file = photo_file(40, 32)
    job = replace(job_for("inpainting", file, prior_file), version=version_of(file))
    assert prepare.prepare(job)
    cv2.imwrite(str(file), cv2.imread(str(file))[:, ::-1])
    os.utime(file, ns=(0, job.version.nanoseconds + 1))
    with pytest.raises(PhotoError, match="has changed since it was opened; open it again"):
        prepare.prepare(job)
    assert prepare.prepare(replace(job, version=None))


def mask_of(size: Size, soft: bool = False) -> Mask:
    mask = Mask.empty(size)
    top, left = size.height // 3, size.width // 3
    mask.pixels[top : top + size.height // 4 + 1, left : left + size.width // 4 + 1] = 255
    if soft and left:
        mask.pixels[top, left - 1] = 40
    return mask


def job_for(task: str, photo: Path, prior: Path, **given) -> Job:
    mask = given.pop("mask", None)
    output = given.pop("output", None)
    overwrite = given.pop("overwrite", False)
    if mask is None and TASKS[task].needs_mask:
        mask = mask_of(load_photo(photo).size)
    if task == "colorization":  # the photos of these tests have colours
        given["params"] = {"colour_photo": "recolour"} | given.get("params", {})
    if task == "denoise":  # a prior that knows nothing finds no noise
        given["params"] = {"sigma": 20} | given.get("params", {})
    recipe = Recipe(task, prior=str(prior), device="cpu", **({"steps": 2} | given))
    others = (photo,) * TASKS[task].others[0]
    return Job(photo, recipe, mask, others, output=output, overwrite=overwrite)


def run(job: Job, **options) -> tuple[list, Finished]:
    events = list(restore(job, CancelToken(), **options))
    assert isinstance(events[-1], Finished)
    return events, events[-1]


@all_tasks
def test_an_amount_is_mixed_in_afterwards(
    task: str, prior_file: Path, photo_file: Callable[..., Path]
) -> None:
    file = photo_file(40, 30)
    whole, half = (run(job_for(task, file, prior_file, amount=a))[1] for a in (1.0, 0.5))
    expected = Mix(0.5, load_photo(file)).of(whole.photo)
    assert np.array_equal(half.photo.pixels, expected.pixels)
    assert not np.array_equal(half.photo.pixels, whole.photo.pixels)
    assert (whole.report.amount, half.report.amount) == (1.0, 0.5)
    assert half.report.consistency == whole.report.consistency
    with pytest.raises(TaskError) as raised:
        run(job_for(task, file, prior_file, amount=1.5))
    assert one_sentence(raised.value)


@all_tasks
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_task_on_any_size(task: str, size, prior_file: Path, photo_file) -> None:
    file = photo_file(*size)
    if TASKS[task].needs_mask and size == (1, 1):
        with pytest.raises(TaskError) as raised:
            run(job_for(task, file, prior_file))
        assert one_sentence(raised.value)
        return
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    heard: list[Progress] = []
    events, finished = run(job_for(task, file, prior_file), on_window=heard.append)

    kinds = [type(event) for event in events]
    assert kinds[0] is Started and kinds.count(Started) == 1 and kinds.count(Finished) == 1
    assert set(kinds[1:-1]) <= {Preview, Progress} and Preview in kinds
    scale = TASKS[task].scale(TASKS[task].values({}))
    assert finished.photo.size == (size[0] * scale, size[1] * scale)
    assert finished.photo.pixels.dtype == np.uint8
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before

    total = events[0].total
    assert [progress.done for progress in heard] == list(range(1, len(heard) + 1))
    assert finished.report.evaluations == len(heard) == total
    for event in events[1:-1]:
        assert event.total == total and event.done <= total
        if isinstance(event, Preview):
            height, width = event.pixels.shape[:2]
            assert event.pixels.dtype == np.uint8 and event.pixels.shape[2] == 3
            assert max(height, width) <= PREVIEW_SIDE
            assert (width, height) == (size[0] * scale, size[1] * scale)

    report = finished.report
    assert (report.task, report.status, report.error) == (task, "done", None)
    assert (report.input, report.output) == (str(file), None)
    assert (report.prior, report.prior_sha256) == ("tiny", sha256_of(prior_file))
    assert (report.device, report.steps, report.seed) == ("cpu", 2, 0)
    assert report.seconds >= 0 and math.isfinite(report.consistency)
    json.dumps(dict(report.degradation), allow_nan=False)


@all_tasks
def test_default_steps_work_and_progress_adds_up(task: str, prior_file: Path, photo_file) -> None:
    job = job_for(task, photo_file(40, 24), prior_file, steps=None)
    events, finished = run(job)
    assert finished.report.steps == TASKS[task].default_steps
    assert finished.report.evaluations == events[0].total


@all_tasks
def test_total_is_right_over_several_levels(
    task: str, prior_file: Path, photo_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the degradation is learned on the way and noise decides where levels start."""
    small_windows(monkeypatch)
    monkeypatch.setitem(engine_tasks(), task, replace(TASKS[task], coarse_side=10))
    params = {"scale": 2} if task == "super-resolution" else {}
    for steps in (1, 3):
        job = job_for(task, photo_file(40, 36), prior_file, steps=steps, params=params)
        events, finished = run(job)
        assert events[0].total == finished.report.evaluations
        previews = [event for event in events if isinstance(event, Preview)]
        assert len({event.pixels.shape for event in previews}) == 1


def engine_tasks() -> dict:
    import gdp_desktop.tasks as registry

    return registry.TASKS


@pytest.mark.parametrize("bits", [8, 16])
def test_inpainting_keeps_every_bit_outside_the_mask(
    bits: int, prior_file: Path, photo_file
) -> None:
    file = photo_file(61, 45, bits)
    photo = load_photo(file)
    assert photo.bits == bits
    mask = mask_of(photo.size, soft=True)
    finished = run(job_for("inpainting", file, prior_file, mask=mask))[1]
    kept = mask.pixels == 0
    assert finished.photo.pixels.dtype == photo.pixels.dtype
    assert np.array_equal(finished.photo.pixels[kept], photo.pixels[kept])
    assert not np.array_equal(finished.photo.pixels[~kept], photo.pixels[~kept])


@pytest.mark.parametrize("task", [t for t in TASKS if t != "super-resolution"])
def test_a_mask_limits_every_task(task: str, prior_file: Path, photo_file) -> None:
    file = photo_file(40, 30)
    photo = load_photo(file)
    mask = mask_of(photo.size)
    finished = run(job_for(task, file, prior_file, mask=mask))[1]
    kept = mask.pixels == 0
    assert np.array_equal(finished.photo.pixels[kept], photo.pixels[kept])


@all_tasks
def test_same_seed_same_bytes_whatever_the_window_batch(
    task: str, prior_file: Path, photo_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_windows(monkeypatch)
    # Wide enough for two lanes that share all of the network's receptive field.
    file = photo_file(600, 48)
    params = {"scale": 2} if task == "super-resolution" else {}
    job = job_for(task, file, prior_file, seed=5, params=params)
    one, three, again = (run(job, window_batch=batch)[1] for batch in (1, 3, 1))
    assert one.report.evaluations > one.report.steps  # there were several windows
    assert np.array_equal(one.photo.pixels, again.photo.pixels)
    assert np.array_equal(one.photo.pixels, three.photo.pixels)


@pytest.mark.parametrize("task", ["inpainting", "super-resolution", "colorization", "deblurring"])
def test_another_seed_gives_another_result(task: str, prior_file: Path, photo_file) -> None:
    file = photo_file(40, 32)
    one, other = (run(job_for(task, file, prior_file, seed=seed))[1] for seed in (1, 2))
    assert not np.array_equal(one.photo.pixels, other.photo.pixels)


def test_cancelled_before_the_start(prior_file: Path, photo_file) -> None:
    cancel = CancelToken()
    cancel.cancel()
    heard: list[Progress] = []
    with pytest.raises(Cancelled):
        list(restore(job_for("denoise", photo_file(20, 20), prior_file), cancel, heard.append))
    assert not heard


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_cancelled_in_the_middle_stops_within_one_window(
    at: int, batch: int, prior_file: Path, photo_file, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_windows(monkeypatch)
    cancel, heard = CancelToken(), []

    def on_window(progress: Progress) -> None:
        heard.append(progress.done)
        if progress.done == at:
            cancel.cancel()

    output = tmp_path / "result.png"
    # All of its windows belong to one step.
    job = job_for("jpeg", photo_file(130, 130), prior_file, steps=1, output=output)
    assert prepare.prepare(job).solver.total_windows > 5
    with pytest.raises(Cancelled):
        list(restore(job, cancel, on_window, window_batch=batch))
    assert heard == list(range(1, at + 1))
    assert not output.exists()


@pytest.mark.parametrize("is_sharp", [True, False])
def test_what_was_found_is_a_remark_of_its_own(
    is_sharp: bool, prior_file: Path, photo_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_search, "speaks_against", lambda *_: is_sharp)
    file = photo_file(60, 48)
    job = job_for("deblurring", file, prior_file, params={"kind": "blind", "size": 5})
    finished = run(job)[1]
    assert finished.remarks == ((NO_BLUR,) if is_sharp else ())
    assert set(finished.remarks) <= set(finished.report.notes)
    kernel = finished.by_products["kernel"]
    assert (np.count_nonzero(kernel) == 1) == is_sharp


def test_cancelled_while_a_blur_is_looked_for(
    prior_file: Path, photo_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel, rounds = CancelToken(), []

    def cancelled_meanwhile(edges: torch.Tensor, grey: torch.Tensor, kernel: torch.Tensor):
        rounds.append(1)
        cancel.cancel()
        return kernel

    monkeypatch.setattr(kernel_search, "kernel_from_edges", cancelled_meanwhile)
    job = job_for("deblurring", photo_file(60, 48), prior_file, params={"kind": "blind"})
    with pytest.raises(Cancelled):
        list(restore(job, cancel))
    # Asked once whether there are any edges, and not even once more for the kernel.
    assert len(rounds) == 1


def test_the_time_left_goes_down_to_nothing(
    photo_file, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    class TwoSeconds(GaussianPrior):
        def __call__(self, x_t, i):
            nonlocal now
            now += 2
            return super().__call__(x_t, i)

    loaded = priors.LoadedPrior(TwoSeconds(0.0, 0.3, stride=8), "slow", "", "cpu")
    monkeypatch.setattr(prepare, "load_prior", lambda name, device: loaded)
    heard: list[Progress] = []
    job = job_for("jpeg", photo_file(20, 16), Path("slow"), steps=5)
    run(job, on_window=heard.append)
    assert [progress.seconds_left for progress in heard] == [8, 6, 4, 2, 0]


def test_cancelled_at_the_last_window_writes_nothing(
    prior_file: Path, photo_file, tmp_path: Path
) -> None:
    cancel, output = CancelToken(), tmp_path / "result.png"
    job = job_for("deblurring", photo_file(16, 16), prior_file, output=output)
    with pytest.raises(Cancelled):
        for event in restore(job, cancel):
            if isinstance(event, Preview) and event.done == event.total:
                cancel.cancel()
    assert not output.exists()


@pytest.mark.parametrize(("task", "mask", "params", "steps"), [
    ("inpainting", "none", {}, 2), ("inpainting", "empty", {}, 2), ("inpainting", "other", {}, 2),
    ("inpainting", "full", {}, 2), ("denoise", "other", {}, 2),
    ("super-resolution", "fitting", {}, 2), ("low-light", "none", {"exposure": 7}, 2),
    ("low-light", "none", {"brightness": 1}, 2), ("super-resolution", "none", {"scale": 3}, 2),
    ("sharpen", "none", {}, 2), ("denoise", "none", {}, 0), ("denoise", "none", {}, 1001),
    ("denoise", "none", {}, -3),
])
def test_impossible_wishes_are_refused_in_one_sentence(
    task: str, mask: str, params: dict, steps: int, prior_file: Path, photo_file, tmp_path: Path
) -> None:
    file, size = photo_file(20, 16), Size(20, 16)
    masks = {"none": None, "empty": Mask.empty(size), "other": mask_of(Size(16, 20)),
             "full": Mask(np.full(size.shape, 255, np.uint8)), "fitting": mask_of(size)}
    output = tmp_path / "result.png"
    job = Job(file, Recipe(task, params, steps=steps, prior=str(prior_file), device="cpu"),
              masks[mask], output=output)
    with pytest.raises(TaskError) as raised:
        list(restore(job, CancelToken()))
    assert one_sentence(raised.value) and not output.exists()


def test_an_empty_mask_is_no_mask_for_tasks_that_need_none(prior_file: Path, photo_file) -> None:
    file = photo_file(20, 16)
    with_mask = run(job_for("denoise", file, prior_file, mask=Mask.empty(Size(20, 16))))[1]
    without = run(job_for("denoise", file, prior_file))[1]
    assert np.array_equal(with_mask.photo.pixels, without.photo.pixels)


def test_the_result_is_saved_and_nothing_is_replaced(
    prior_file: Path, photo_file, tmp_path: Path
) -> None:
    file, output = photo_file(20, 16), tmp_path / "result.png"
    first = run(job_for("denoise", file, prior_file, output=output))[1]
    assert first.report.output == str(output)
    assert np.array_equal(load_photo(output).pixels, first.photo.pixels)
    kept = output.read_bytes()
    second = run(job_for("denoise", file, prior_file, output=output, params={"sigma": 60}))[1]
    assert second.report.output == str(tmp_path / "result-2.png")
    assert output.read_bytes() == kept
    assert np.array_equal(load_photo(second.report.output).pixels, second.photo.pixels)


def test_overwriting_replaces_the_old_result_but_never_the_source(
    prior_file: Path, photo_file, tmp_path: Path
) -> None:
    file, output = photo_file(20, 16), tmp_path / "result.png"
    output.write_bytes(b"old")
    run(job_for("denoise", file, prior_file, output=output, overwrite=True))
    assert load_photo(output).size == (20, 16)
    before = file.read_bytes()
    with pytest.raises(PhotoError) as raised:
        run(job_for("denoise", file, prior_file, output=file, overwrite=True))
    assert one_sentence(raised.value) and file.read_bytes() == before
    beside = run(job_for("denoise", file, prior_file, output=file))[1]
    assert beside.report.output == str(file.with_stem(file.stem + "-2"))
    assert file.read_bytes() == before


def test_what_reading_and_saving_had_to_say_is_in_the_report(
    prior_file: Path, tmp_path: Path
) -> None:
    profile = png_chunk(b"iCCP", b"odd\0\0" + zlib.compress(b"no profile at all"))
    (tmp_path / "odd.png").write_bytes(png16(noise(16, 20, 3, 16), profile))
    output = tmp_path / "result.jpg"
    notes = run(job_for("denoise", tmp_path / "odd.png", prior_file, output=output))[1].report.notes
    assert any("profile is damaged" in note for note in notes)
    assert any("8 bits" in note for note in notes)


@pytest.mark.parametrize("output", ["missing/result.png", "result.xyz"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    output: str, prior_file: Path, photo_file, tmp_path: Path
) -> None:
    heard: list[Progress] = []
    job = job_for("denoise", photo_file(20, 16), prior_file, output=tmp_path / output)
    with pytest.raises(PhotoError) as raised:
        list(restore(job, CancelToken(), heard.append))
    assert one_sentence(raised.value)
    assert not heard


@all_tasks
def test_invalid_numbers_end_in_one_sentence(
    task: str, prior_file: Path, photo_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(GaussianPrior):
        def __call__(self, x_t, i):
            found = super().__call__(x_t, i)
            return replace(found, x0=found.x0 * math.nan)

    loaded = priors.LoadedPrior(Broken(0.0, 0.3, stride=8), "broken", "", "cpu")
    monkeypatch.setattr(prepare, "load_prior", lambda name, device: loaded)
    output = tmp_path / "result.png"
    job = job_for(task, photo_file(40, 40), prior_file, output=output)
    with pytest.raises(TaskError) as raised, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        list(restore(job, CancelToken()))
    assert one_sentence(raised.value) and not output.exists()


@pytest.mark.parametrize("damage", ["missing", "empty", "text"])
def test_bad_photos_and_priors_are_refused(damage: str, prior_file, photo_file, tmp_path) -> None:
    bad = tmp_path / "bad.png"
    if damage != "missing":
        bad.write_bytes(b"" if damage == "empty" else b"hello " * 50)
    with pytest.raises(PhotoError) as raised:
        run(Job(bad, Recipe("denoise", prior=str(prior_file), device="cpu")))
    assert one_sentence(raised.value)
    with pytest.raises(CheckpointError) as refused:
        run(Job(photo_file(8, 8), Recipe("denoise", prior=str(bad), device="cpu")))
    assert one_sentence(refused.value)


def test_unknown_devices_are_refused(prior_file: Path) -> None:
    for device in ("tpu", "cuda:7", ""):
        with pytest.raises(CheckpointError) as raised:
            load_prior(str(prior_file), device)
        assert one_sentence(raised.value)


def test_without_noise_denoising_changes_nothing(prior_file: Path, photo_file) -> None:
    file = photo_file(40, 24)
    finished = run(job_for("denoise", file, prior_file, params={"strength": 0}))[1]
    assert np.array_equal(finished.photo.pixels, load_photo(file).pixels)


def test_alpha_and_depth_survive(prior_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "alpha.png"
    pixels = np.random.default_rng(0).integers(0, 65536, (9, 14, 4)).astype(np.uint16)
    assert cv2.imwrite(str(file), pixels)
    photo = load_photo(file)
    finished = run(job_for("denoise", file, prior_file))[1].photo
    assert finished.bits == 16 and np.array_equal(finished.alpha, photo.alpha)
    larger = run(job_for("super-resolution", file, prior_file, params={"scale": 2}))[1].photo
    assert larger.alpha.shape == (18, 28)


def test_level_count_ends_nearest_to_the_coarse_side() -> None:
    assert level_count(Size(100, 100), None) == 1
    for side in range(1, 5000, 7):
        count = level_count(Size(side, 9000), 256)
        coarsest = side / 2 ** (count - 1)
        assert count == 1 or 256 / 1.4143 <= coarsest <= 256 * 1.4143
        assert side < 363 or count > 1


def test_the_light_of_a_small_photo_is_learned_beside_its_noise() -> None:
    """A single level would learn the light and keep the noise."""
    task = TASKS["low-light"]
    for side in range(1, 3000, 7):
        size = Size(9000, side)
        count = level_count(size, task.coarse_side_for(size))
        assert count == max(3, level_count(size, 256))
    assert TASKS["deblurring"].coarse_side_for(Size(40, 30)) == 30
    assert TASKS["jpeg"].coarse_side_for(Size(4000, 3000)) is None


@pytest.mark.parametrize("training", ["{", "[]", '{"x0_error": 3}', '{"x0_error": [[0.1]]}',
                                      '{"x0_error": [["a", "b"]]}'])
def test_a_damaged_history_is_refused_in_one_sentence(
    training: str, prior_file: Path, tmp_path: Path
) -> None:
    network = UNet(UNetConfig(widths=(8,), blocks=(1,), embedding=16))
    header = json.dumps({"widths": [8], "blocks": [1], "embedding": 16, "unshuffle": 2})
    file = tmp_path / "odd.safetensors"
    file.write_bytes(save(network.state_dict(), {
        "format": "gdp-unet-1", "config": header, "training": training,
    }))
    with pytest.raises(CheckpointError) as raised:
        load_prior(str(file), "cpu")
    assert one_sentence(raised.value)


def test_the_error_table_is_used_between_its_entries() -> None:
    network = UNet(UNetConfig(widths=(8,), blocks=(1,), embedding=16))
    prior = UNetPrior(network, error_table=((0.01, 0.01), (1.0, 0.1), (100.0, 0.5)))
    schedule = prior.schedule
    found = [prior.x0_std(i) for i in range(0, 1000, 50)]
    assert found == sorted(found)
    assert prior.x0_std(schedule.step_at(1.0)) == pytest.approx(0.1, rel=0.02)
    assert prior.x0_std(999) == pytest.approx(0.5)
    assert all(prior.x0_std(i) <= float(schedule.sigmas[i]) + 1e-12 for i in range(0, 1000, 50))


def test_a_name_taken_in_the_last_moment_is_not_fought_for(
    prior_file: Path, photo_file: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "result.png"

    def somebody_is_faster(result: Photo, path: Path, overwrite: bool = False) -> tuple[str, ...]:
        if path == output:
            output.write_bytes(b"theirs")
        return save_photo(result, path, overwrite=overwrite)

    monkeypatch.setattr(image, "save_photo", somebody_is_faster)
    _, finished = run(job_for("denoise", photo_file(24, 16), prior_file, output=output))
    assert output.read_bytes() == b"theirs"
    assert finished.report.output == str(tmp_path / "result-2.png")
    assert load_photo(tmp_path / "result-2.png").size == Size(24, 16)


@all_tasks
def test_a_grey_photo_stays_grey_unless_colours_are_asked_for(
    task: str, photo_file: Callable[..., Path], prior_file: Path
) -> None:
    file = photo_file(40, 24)
    grey = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2GRAY)
    assert cv2.imwrite(str(file), grey)
    events, finished = run(job_for(task, file, prior_file))
    gives_colours = TASKS[task].gives_colours(TASKS[task].values({}))
    assert finished.photo.is_grey != gives_colours
    previews = [event.pixels for event in events if isinstance(event, Preview)]
    assert previews and all((np.ptp(p, axis=2) == 0).all() for p in previews) != gives_colours


def test_one_photo_with_colours_gives_colours_to_a_burst(
    photo_file: Callable[..., Path], prior_file: Path, tmp_path: Path
) -> None:
    coloured = photo_file(40, 24)
    grey = tmp_path / "grey.png"
    assert cv2.imwrite(str(grey), cv2.imread(str(coloured), cv2.IMREAD_GRAYSCALE))
    job = replace(job_for("denoise", grey, prior_file), others=(coloured,))
    assert not run(job)[1].photo.is_grey


@pytest.mark.parametrize("method", ["ddrm", "ddnm", "diffpir"])
def test_a_single_step_that_would_leave_the_photo_out_is_refused(method: str) -> None:
    task, chosen = TASKS["super-resolution"], METHODS[method]
    with pytest.raises(TaskError, match="1 step of .* choose from 2 to 1000"):
        prepare.checked_steps(task, chosen, 1)
    assert prepare.checked_steps(task, chosen, 2) == 2
    assert prepare.checked_steps(task, METHODS["adaptive"], 1) == 1


@pytest.mark.parametrize(("limit", "opaque", "expected"), [
    (None, None, None), ([1, 1, 0], None, [1, 1, 0]), (None, [0, 1, 1], [0, 1, 1]),
    ([1, 1, 0], [0, 1, 1], [0, 1, 0]), ([1, 1, 1], [1, 1, 1], None), ([1, 0, 0], [0, 1, 1], None),
])
def test_the_subject_is_what_is_painted_and_not_transparent(
    limit: list | None, opaque: list | None, expected: list | None
) -> None:
    flags = [None if one is None else np.array([one], bool) for one in (limit, opaque)]
    found = prepare.subject_of(*flags)
    assert (found is None) == (expected is None)
    assert found is None or found.flatten().tolist() == expected
