"""Training on a handful of tiny photos: crops, counters, files, and what happens when it fails."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gdp_desktop.diffusion.checkpoints import CheckpointError, load_unet, read_metadata
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.training import state as state_module
from gdp_desktop.training import train as training_module
from gdp_desktop.training.crops import MIN_PHOTOS, CropSource, load_pixels, split_photos
from gdp_desktop.training.lineage import TOTALS, curve_path, read_curve
from gdp_desktop.training.plan import TrainingPlan, resume_path
from gdp_desktop.training.state import WARMUP_STEPS, TrainingState, sample_log_sigma
from gdp_desktop.training.train import TrainingReport, train
from gdp_desktop.training.validation import (
    BAND_EDGES,
    SIGMAS,
    band_of,
    denoise_once,
    denoising_psnr,
    psnr,
    x0_error_table,
)

TINY = UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(MIN_PHOTOS + 4):
        assert cv2.imwrite(str(photos / f"{n:02}.png"), picture(130 + n, 150 - n, n))
    return photos


@pytest.fixture
def plan(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingPlan:
    monkeypatch.setattr(training_module, "CALIBRATION_PHOTOS", 2)
    return TrainingPlan(folder, tmp_path / "out" / "prior.safetensors", 0.01, TINY, batch=4,
                        crop=16)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends what would never end."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_crops_come_from_the_photos() -> None:
    # The colour of a pixel says which photo and where.
    y, x = np.mgrid[:130, :140].astype(np.uint8)
    photos = [np.stack([y, x, np.full_like(y, 10 * n)], axis=-1) for n in (1, 2)]
    source = CropSource(photos, 96, seed=0)
    crops = source.sample(40, 24)
    assert crops.shape == (40, 3, 24, 24) and crops.dtype == torch.uint8
    scales = set()
    for crop in crops.int():
        assert int(crop[2].min()) == int(crop[2].max()) in (10, 20)
        down = crop[0].diff(dim=0)[:-1].float().mean()
        across = crop[1].diff(dim=1)[:, :-1].float().mean()
        scales.add(round(float(down)))
        assert abs(float(across)) == pytest.approx(float(down), abs=0.1)  # square, maybe mirrored
        assert float(down) > 0  # never upside down
    assert scales == {1}  # half of 130 is below the smallest side


def test_crops_of_large_photos_come_at_every_scale() -> None:
    y, x = np.mgrid[:800, :800]
    ramp = np.stack([y * 255 // 800, x * 255 // 800, 0 * x], axis=-1).astype(np.uint8)
    crops = CropSource([ramp], 96, seed=1).sample(200, 32).float()
    steepness = (crops[:, 0, -1] - crops[:, 0, 0]).mean(dim=1) / 31
    scales = (steepness * 800 / 255).log2().round().int().tolist()
    shares = [scales.count(k) / 200 for k in range(4)]
    assert sum(shares) == pytest.approx(1) and shares[0] > shares[1] > shares[3] > 0


def test_same_seed_same_crops() -> None:
    photos = [picture(120, 130)]
    one, again, other = (CropSource(photos, 96, seed).sample(5, 16) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_photos_too_small_for_any_crop_are_refused() -> None:
    with pytest.raises(PhotoError):
        CropSource([picture(95, 300)], 96, seed=0)
    with pytest.raises(PhotoError):
        CropSource([], 96, seed=0)


def test_crops_larger_than_every_photo_do_not_hang() -> None:
    """Photos of 100 pixels are of no use where one batch in four asks for 128."""
    with at_most(2), pytest.raises(PhotoError, match="128"):
        CropSource([picture(100, 110)], 128, seed=0)


def test_of_more_than_fits_every_photo_keeps_a_part_at_every_scale() -> None:
    y, x = np.mgrid[:640, :960].astype(np.uint8)
    large = np.stack([y, x, 0 * x], axis=-1)
    source = CropSource([large, large], 32, seed=0, most_pixels=42_000)
    assert all(len(scale) == 2 for scale in source._scales)  # down to 40 × 60
    kept = [scale[0] for scale in source._scales]
    assert 40_000 < sum(p.shape[0] * p.shape[1] for p in kept) <= 42_000
    # The coarse ones whole; of the finer ones some part, which holds nothing else in memory.
    assert [p.shape[:2] for p in kept[3:]] == [(80, 120), (40, 60)]
    assert kept[0].base is None and kept[0].shape[1] == pytest.approx(1.5 * kept[0].shape[0], abs=2)
    assert not np.array_equal(kept[0], source._scales[0][1])
    assert source.sample(20, 32).shape == (20, 3, 32, 32)
    # However little there is room for, crops can be drawn.
    assert CropSource([large], 128, seed=0, most_pixels=1).sample(3, 128).shape[-1] == 128


def test_a_training_shares_the_room_between_its_photos(
    plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    class Watched(CropSource):
        def __init__(self, photos, smallest_side, seed, most_pixels) -> None:
            given.append(most_pixels)
            super().__init__(photos, smallest_side, seed, most_pixels)

    monkeypatch.setattr(training_module, "CropSource", Watched)
    monkeypatch.setattr(training_module, "MOST_PIXELS", 13_000_000)
    assert run(plan)[-1].step > 0
    assert given == [1_000_000]  # 14 photos, of which one measures


def test_bad_files_are_told_apart(folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"not a photo")
    paths = [folder / "00.png", folder / "bad.jpg", folder / "missing.png"]
    found = dict(load_pixels(paths))
    assert found[paths[0]].dtype == np.uint8 and found[paths[0]].shape == (130, 150, 3)
    assert all(isinstance(found[path], PhotoError) for path in paths[1:])


def test_split_keeps_photos_apart(folder: Path) -> None:
    split = split_photos(folder, val_share=0.25)
    assert not set(split.train) & set(split.val)
    assert (len(split.train), len(split.val)) == (10, 4)
    rows = [f"{n:02}.png,{'val' if n in (3, 4) else 'train'}" for n in range(14)]
    (folder / "SOURCES.csv").write_text("\n".join(["file,split", *rows]))
    assert [path.name for path in split_photos(folder).val] == ["03.png", "04.png"]


def test_a_listing_names_photos_in_folders_and_comes_from_excel(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "04.png").rename(folder / "more" / "04.png")
    rows = "\n".join(["file,split", "more/04.png,val", "03.png,val", "00.png,train"])
    (folder / "SOURCES.csv").write_text(rows, encoding="utf-8-sig")
    assert sorted(path.name for path in split_photos(folder).val) == ["03.png", "04.png"]


@pytest.mark.parametrize(("listing", "said"), [
    (b"file,split\nfoto-\xfc.png,val\n", "UTF-8"),
    (b"name,part\n00.png,val\n", "columns file and split"),
    (b"", "columns file and split"),
    (b"file,split\ngone.png,val\n", "gone.png"),
    (b"file,split\n" + b"".join(b"%02d.png,val\n" % n for n in range(11)), "3 of them"),
], ids=["latin", "columns", "empty", "missing", "most"])
def test_a_listing_that_cannot_be_followed(folder: Path, listing: bytes, said: str) -> None:
    (folder / "SOURCES.csv").write_bytes(listing)
    with pytest.raises(PhotoError, match=said) as raised:
        split_photos(folder)
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".")


def test_too_few_photos_are_refused(folder: Path, tmp_path: Path) -> None:
    for n in range(4):
        (folder / f"{n:02}.png").unlink()
    split = split_photos(folder)
    assert len(split.train) + len(split.val) == MIN_PHOTOS and len(split.val) == 1
    (folder / "04.png").unlink()
    with pytest.raises(PhotoError) as raised:
        split_photos(folder)
    assert str(MIN_PHOTOS) in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(PhotoError):
        split_photos(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError):
        split_photos(tmp_path / "empty")


def test_noise_levels_cover_the_schedule() -> None:
    torch.manual_seed(0)
    levels = sample_log_sigma(20_000)
    lowest, highest = Schedule.linear().sigmas.log()[[0, -1]].tolist()
    assert levels.shape == (20_000,)
    assert lowest - 1e-5 <= float(levels.min()) and float(levels.max()) <= highest + 1e-5
    counts = torch.bincount(band_of(levels), minlength=len(BAND_EDGES))
    assert len(counts) == len(BAND_EDGES) and int(counts.min()) > 0.05 * 20_000
    # Up to the very end, where light and colour are decided.
    assert int((levels > highest - 1).sum()) > 100


def test_bands_are_named_by_their_upper_edge() -> None:
    inside = torch.tensor([0.01, 0.1, 0.3, 1.0, 100.0]).log()
    assert band_of(inside).tolist() == [0, 1, 2, 3, 4]


def run(plan: TrainingPlan) -> list[TrainingReport]:
    return list(train(plan))


def test_a_compiled_network_gets_crops_of_both_sizes(
    plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: set[int] = set()
    wished: list[dict[str, object]] = []

    def compiled(network: UNet, **options: object) -> Callable[..., torch.Tensor]:
        wished.append(options)

        def velocity(x_t: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
            sides.add(x_t.shape[-1])
            return network(x_t, log_sigma)

        return velocity

    monkeypatch.setattr(torch, "compile", compiled)
    last = run(replace(plan, minutes=0.03, compiled=True))[-1]
    # With sizes left open the C++ that torch writes for a CPU fails.
    assert wished == [{"dynamic": False}]
    assert last.step > 3 and sides == {plan.crop, 2 * plan.crop}


def test_where_nothing_compiles_one_sentence_says_so(
    plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("No working C++ compiler found\nand a long story")

    monkeypatch.setattr(torch, "compile", lambda network, **options: fails)
    with pytest.raises(CheckpointError, match=r"compiler found\); train it without --compile\.$"):
        next(train(replace(plan, compiled=True)))
    assert not plan.out.exists()


def test_a_run_writes_both_files_and_resumes(plan: TrainingPlan, folder: Path) -> None:
    (folder / "05-bad.png").write_bytes(b"not a photo")
    first = run(replace(plan, minutes=0.05, checkpoint_seconds=1.5))
    last = first[-1]
    assert last.step > 3 and last.crops >= 4 * (last.step - 1) and last.seconds >= 3
    assert last.seconds_left == 0 and any("bad.png" in text for text in last.skipped)
    assert set(last.val_psnr) == set(SIGMAS) and math.isfinite(first[0].loss)
    assert set(first[0].band_loss) <= {name for name, _ in BAND_EDGES}
    described = json.loads(read_metadata(plan.out)["training"])["validation"]
    assert list(described.values()) == [round(db, 2) for db in last.val_psnr.values()]

    network = load_unet(plan.out)
    assert network.config == TINY
    assert all(bool(torch.isfinite(p).all()) for p in network.parameters())
    training = json.loads(read_metadata(plan.out)["training"])
    assert training["step"] == last.step and training["crops"] == last.crops
    table = training["x0_error"]
    assert len(table) > 5 and all(error > 0 for _, error in table)
    prior = load_prior(str(plan.out), "cpu").prior
    assert 0 < prior.x0_std(0) <= prior.x0_std(999) < 2

    saved = load_file(resume_path(plan.out))
    averaged = network.state_dict()
    assert all(torch.equal(saved[f"ema.{k}"], t) for k, t in averaged.items())

    second = run(replace(plan, minutes=0.15, seed=1))
    assert second[-1].step > last.step and second[-1].crops > last.crops
    assert second[0].step >= last.step and second[0].seconds >= 3
    assert json.loads(read_metadata(plan.out)["training"])["step"] == second[-1].step
    history = json.loads(read_metadata(resume_path(plan.out))["training"])["history"]
    assert [row["step"] for row in history] == [r.step for r in [*first, *second]]

    # The time is used up: nothing more is learned, and the file stays good.
    third = run(replace(plan, minutes=0.01))
    assert [report.step for report in third] == [second[-1].step]
    assert load_unet(plan.out).config == TINY


def test_the_optimiser_goes_on_where_it_was(plan: TrainingPlan) -> None:
    last = run(plan)[-1]
    before = load_file(resume_path(plan.out))
    run(plan)
    after = load_file(resume_path(plan.out))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any(key.startswith("exp_avg_sq.") for key in before) and last.step > 0


def crops_of(plan: TrainingPlan) -> torch.Tensor:
    return torch.zeros(plan.batch, 3, plan.crop, plan.crop, dtype=torch.uint8)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.5, 0.5025), (1.0, 0.005)])
def test_the_rate_falls_along_half_a_cosine(
    plan: TrainingPlan, progress: float, share: float
) -> None:
    state = TrainingState(plan, UNet(TINY))
    state.step = WARMUP_STEPS
    state.learn(crops_of(plan), progress)
    assert state.current_lr == pytest.approx(share * plan.learning_rate)
    assert {group["lr"] for optimiser in state.optimisers for group in optimiser.param_groups} \
        == {state.current_lr}


def test_a_resumed_optimiser_knows_how_many_steps_it_took(plan: TrainingPlan) -> None:
    state = TrainingState(plan, UNet(TINY))
    for _ in range(3):
        state.learn(crops_of(plan), 0.0)
    state.save(plan.out, [])

    def counted(state: TrainingState) -> set[float]:
        return {float(slots["step"]) for slots in state.optimisers[1].state.values()}

    assert counted(TrainingState.resume_or_start(plan)) == counted(state) == {3}


def test_errors_are_measured_on_photos_to_train_on(
    plan: TrainingPlan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that judge the prior have no part in its settings; here they are black."""
    for path in split_photos(folder).val:
        assert cv2.imwrite(str(path), 0 * picture(130, 150))
    measured: list[np.ndarray] = []

    def watched(network: UNet, photos: list[np.ndarray], device: str) -> list[tuple[float, float]]:
        measured.extend(photos)
        return x0_error_table(network, photos, device)

    monkeypatch.setattr(state_module, "x0_error_table", watched)
    run(plan)
    assert measured and all(photo.any() for photo in measured)


def test_starting_from_other_weights(plan: TrainingPlan, tmp_path: Path) -> None:
    run(plan)
    again = replace(plan, out=tmp_path / "second.safetensors", start_from=plan.out, network=None)
    last = run(again)[-1]
    assert last.step > 0 and load_unet(again.out).config == TINY
    # What it has behind it is told with it, also when it is resumed.
    for more in (0, 1):
        told = json.loads(read_metadata(again.out)["training"])
        runs = told["runs"]
        assert len(runs) == 2 and runs[1]["step"] == last.step
        assert all(told[key] == pytest.approx(runs[0][key] + runs[1][key]) for key in TOTALS)
        curve = read_curve(curve_path(again.out))
        assert curve[:1] == read_curve(curve_path(plan.out))
        assert curve[-1]["minutes"] == pytest.approx(told["seconds"] / 60, abs=0.02)
        if not more:
            last = run(replace(again, minutes=2 * again.minutes))[-1]
    with pytest.raises(CheckpointError):
        run(replace(again, out=tmp_path / "third.safetensors", start_from=tmp_path / "none"))


def test_a_prior_grows_before_it_is_trained_further(plan: TrainingPlan, tmp_path: Path) -> None:
    run(plan)
    larger = replace(TINY, blocks=(1, 2))
    again = replace(plan, out=tmp_path / "grown.safetensors", start_from=plan.out, network=larger)
    run(again)
    assert load_unet(again.out).config == larger
    # What stopped meanwhile is that large by itself.
    run(replace(again, network=None, minutes=2 * again.minutes))
    assert load_unet(again.out).config == larger
    smaller = replace(again, out=tmp_path / "third.safetensors", start_from=again.out, network=TINY)
    with pytest.raises(CheckpointError, match="cannot grow"):
        run(smaller)


def test_a_training_goes_on_as_it_began(plan: TrainingPlan, tmp_path: Path) -> None:
    """A rate, and what the network began with, cannot change under way."""
    run(plan)
    own = replace(plan, out=tmp_path / "own.safetensors", start_from=plan.out, network=None,
                  learning_rate=2e-4)
    run(own)
    longer = replace(own, start_from=None, minutes=2 * own.minutes, learning_rate=1e-3)
    assert max(report.learning_rate for report in run(longer)) < 2e-4
    told = json.loads(read_metadata(own.out)["training"])
    assert told["learning_rate"] == 2e-4
    kept = resume_path(own.out).read_bytes()
    with pytest.raises(CheckpointError, match="go on without --blocks"):
        run(replace(longer, network=replace(TINY, blocks=(1, 2))))
    with pytest.raises(CheckpointError, match="go on without --from"):
        run(replace(longer, start_from=own.out))
    assert resume_path(own.out).read_bytes() == kept


def test_beginning_anew_replaces_a_stopped_training_once_there_is_something_new(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    before = run(plan)[-1]
    kept = {path: path.read_bytes() for path in plan.out.parent.iterdir()}
    with pytest.raises(PhotoError):
        run(replace(plan, anew=True, photos=tmp_path / "typo"))
    with pytest.raises(CheckpointError):
        run(replace(plan, anew=True, start_from=tmp_path / "typo"))
    assert {path: path.read_bytes() for path in plan.out.parent.iterdir()} == kept
    anew = run(replace(plan, anew=True, seed=3))
    assert anew[0].step == 1 and before.step > 0
    assert json.loads(read_metadata(resume_path(plan.out))["training"])["step"] == anew[-1].step


def test_a_new_network_begins_by_the_seed(plan: TrainingPlan, tmp_path: Path) -> None:
    first = [
        run(replace(plan, out=tmp_path / f"{n}.safetensors", seed=seed))[0].loss
        for n, seed in enumerate((5, 5, 6))
    ]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize("damage", ["empty", "text", "prior", "counters", "list", "tensors"])
def test_a_damaged_state_is_refused_and_kept(plan: TrainingPlan, damage: str) -> None:
    run(plan)
    state = resume_path(plan.out)
    if damage in ("empty", "text"):
        state.write_bytes(b"" if damage == "empty" else b"hello" * 40)
    elif damage == "prior":
        state.write_bytes(plan.out.read_bytes())
    else:
        tensors, metadata = load_file(state), dict(read_metadata(state))
        counters = json.loads(metadata["training"])
        if damage == "counters":
            del counters["history"]
        if damage == "tensors":
            tensors.pop(next(key for key in tensors if key.startswith("exp_avg.")))
        metadata["training"] = json.dumps([counters] if damage == "list" else counters)
        save_file(tensors, state, metadata)
    kept = state.read_bytes()
    with pytest.raises(CheckpointError) as raised:
        run(plan)
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".")
    assert state.read_bytes() == kept


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_failure_while_saving_leaves_the_last_good_files(
    plan: TrainingPlan, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan)
    before = {path: path.read_bytes() for path in plan.out.parent.iterdir()}
    assert len(before) == 4  # the prior, what is needed to go on, the curve as table and picture
    really, calls = os.replace, []

    def fail(source, target) -> None:
        calls.append(target)
        if len(calls) >= failing:
            raise OSError(28, "No space left on device")
        really(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PhotoError):
        run(replace(plan, minutes=0.02))
    monkeypatch.undo()
    in_turn = [plan.out, resume_path(plan.out), curve_path(plan.out)]
    assert all(path.read_bytes() == before[path] for path in in_turn[failing - 1 :])
    assert sorted(path.name for path in plan.out.parent.iterdir()) == sorted(
        path.name for path in before
    )
    load_unet(plan.out)
    assert run(replace(plan, minutes=0.02))[-1].step > 0


def test_a_full_disk_during_training_costs_one_checkpoint(
    plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, says so, and saves again when there is room."""
    run(plan)
    kept, really, fails = plan.out.read_bytes(), os.replace, [True]

    def full(source, target) -> None:
        if fails[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        really(source, target)

    monkeypatch.setattr(os, "replace", full)
    longer = replace(plan, minutes=0.05, checkpoint_seconds=0.1, report_seconds=0.0)
    told = []
    for report in train(longer):
        if report.trouble:
            told.append(report.trouble)
            assert plan.out.read_bytes() == kept
            fails[0] = False
    assert told and all("disk is full" in sentence for sentence in told)
    assert plan.out.read_bytes() != kept
    load_unet(plan.out)


KILLED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.training.plan import TrainingPlan
from gdp_desktop.training.train import train
plan = TrainingPlan(Path(sys.argv[1]), Path(sys.argv[2]), 10.0, UNetConfig((8, 8), (1, 1), 16),
                    batch=4, crop=16, checkpoint_seconds=0.2, report_seconds=0.0)
for report in train(plan):
    print(report.step, flush=True)
"""


def test_a_killed_training_loses_at_most_one_interval(plan: TrainingPlan) -> None:
    command = [sys.executable, "-c", KILLED, str(plan.photos), str(plan.out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child, at_most(60):
        steps_at_saves: list[int] = []
        seen = None
        for line in child.stdout:
            with suppress(FileNotFoundError):
                if (now := resume_path(plan.out).stat().st_mtime_ns) != seen:
                    steps_at_saves.append(int(line))
                    seen = now
            if len(steps_at_saves) == 3:
                child.kill()
                break
        child.wait()
    load_unet(plan.out)
    saved = json.loads(read_metadata(resume_path(plan.out))["training"])["step"]
    # Of the third checkpoint, which was seen after a step more at most.
    assert saved >= steps_at_saves[-1] - 1 > steps_at_saves[0]
    resumed = train(replace(plan, minutes=10))
    assert next(resumed).step > saved
    resumed.close()


def test_small_batches_still_learn(plan: TrainingPlan) -> None:
    """The batch of wide crops is a quarter of the usual one, and must not be empty."""
    assert run(replace(plan, batch=2, minutes=0.04))[-1].step > 4
    network = load_unet(plan.out)
    assert all(bool(torch.isfinite(p).all()) for p in network.parameters())


def test_going_on_does_not_start_with_the_same_crops_again(
    plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, really = [], CropSource.sample

    def sample(source: CropSource, count: int, size: int) -> torch.Tensor:
        drawn.append(really(source, count, size))
        return drawn[-1]

    monkeypatch.setattr(CropSource, "sample", sample)
    run(plan)
    first = len(drawn)
    run(replace(plan, minutes=0.02))
    assert len(drawn) > first and not torch.equal(drawn[0], drawn[first])


@pytest.mark.parametrize("size", [(3, 5)])
@pytest.mark.parametrize("number", [0, 1])
def test_a_tiny_photo_does_not_end_the_training(
    plan: TrainingPlan, folder: Path, size: tuple[int, int], number: int
) -> None:
    """Photo 0 measures, photo 1 trains and calibrates; both may be too small to do so."""
    assert cv2.imwrite(str(folder / f"{number:02}.png"), picture(*size))
    assert run(plan)[-1].step > 0


@pytest.fixture(scope="module")
def untrained() -> UNet:
    torch.manual_seed(0)
    return UNet(TINY).eval()


def test_validation_of_an_untrained_network_is_finite(untrained: UNet) -> None:
    found = denoising_psnr(untrained, [picture(64, 80), picture(33, 300, 1)])
    assert set(found) == set(SIGMAS)
    assert all(math.isfinite(value) and 0 < value < 60 for value in found.values())
    assert found == denoising_psnr(untrained, [picture(64, 80), picture(33, 300, 1)])
    assert denoising_psnr(untrained, []) == {}


def test_psnr() -> None:
    flat = np.zeros((4, 4, 3), np.uint8)
    assert psnr(flat, flat) == math.inf
    assert psnr(flat + np.uint8(10), flat) == pytest.approx(20 * math.log10(25.5))
    assert psnr(flat, flat + np.uint8(255)) == pytest.approx(0)


def test_denoising_once_is_exact_for_an_exact_network() -> None:
    x0 = torch.rand(1, 3, 8, 8) * 1.6 - 0.8
    noise = torch.randn(x0.shape)

    def exact(x_t: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
        sigma = log_sigma.exp()[:, None, None, None]
        alpha = (1 + sigma**2).rsqrt()
        assert torch.allclose(x_t, alpha * (x0 + sigma * noise), atol=1e-5)
        return alpha * noise - alpha * sigma * x0

    for sigma in (0.05, 0.5, 5.0):
        assert torch.allclose(denoise_once(exact, x0 + sigma * noise, sigma), x0, atol=1e-4)


def test_error_table_covers_the_schedule(untrained: UNet) -> None:
    table = x0_error_table(untrained, [picture(40, 48)])
    sigmas = [sigma for sigma, _ in table]
    assert sigmas == sorted(sigmas) and sigmas[0] <= 0.0101 and sigmas[-1] >= 100
    assert all(0 < error < 2 for _, error in table)


def test_an_error_table_of_no_photos_claims_nothing(untrained: UNet) -> None:
    """Zero would mean that the prior is never wrong."""
    assert all(error > 0 for _, error in x0_error_table(untrained, []))
