"""The search for a start noise: found once, checked elsewhere, used by its method."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.image.photo import Photo, save_photo
from gdp_desktop.priors.boundaries import FoundBoundary, store_boundary, stored_boundary
from gdp_desktop.tasks import TASKS, task_named
from gdp_desktop.training.boundary_search import (
    Search,
    degraded,
    gain_of,
    made_pairs,
    metric_for,
    scores,
)
from tests.gaussian_prior import GaussianPrior

from .conftest import Put, Run

FOUND = FoundBoundary("abc", "denoise", 4, 17, 32, 0.1, 0.2, "1 - SSIM", 3, 2, {"sigma": 25.0})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos to train on and, every few, to check with."""
    folder = tmp_path / "clean"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        coarse = torch.from_numpy(rng.random((1, 3, 5, 6)))
        smooth = torch.nn.functional.interpolate(coarse, size=(40, 48), mode="bilinear")
        pixels = (255 * smooth[0].permute(1, 2, 0).numpy()).astype(np.uint8)
        save_photo(Photo(pixels), folder / f"{number:02}.png")
    return folder


def test_the_noise_is_that_of_its_seed_repeated() -> None:
    noise = Boundary(5, 8).noise(torch.zeros(1, 3, 20, 24))
    first = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    assert noise.shape == (1, 3, 20, 24)
    assert torch.equal(noise[..., :8, :8], first) and torch.equal(noise[..., 8:16, 16:24], first)
    assert torch.equal(noise[..., 16:, :8], first[..., :4, :])


def test_stored_beside_the_prior_and_found_again(tmp_path: Path) -> None:
    prior = tmp_path / "mine.safetensors"
    prior.write_bytes(b"")
    assert stored_boundary(prior, "abc", "denoise", 4) is None
    path = store_boundary(prior, FOUND)
    assert path.parent == tmp_path and stored_boundary(prior, "abc", "denoise", 4) == FOUND
    for other in (("abd", "denoise", 4), ("abc", "deblurring", 4), ("abc", "denoise", 5)):
        assert stored_boundary(prior, *other) is None
    # The same again replaces, another is added.
    again = FoundBoundary(**{**FOUND.__dict__, "seed": 18})
    store_boundary(prior, again)
    store_boundary(prior, FoundBoundary(**{**FOUND.__dict__, "steps": 5}))
    assert stored_boundary(prior, "abc", "denoise", 4) == again
    assert stored_boundary(prior, "abc", "denoise", 5) is not None
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize("content", ["", "[", "{}", "[1]", '[{"seed": 1}]', "null"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: str) -> None:
    prior = tmp_path / "mine.safetensors"
    (tmp_path / "mine.boundaries.json").write_text(content)
    assert stored_boundary(prior, "abc", "denoise", 4) is None
    store_boundary(prior, FOUND)
    assert stored_boundary(prior, "abc", "denoise", 4) == FOUND


@pytest.mark.parametrize("task_id", TASKS)
def test_pairs_of_every_task_that_is_linear(task_id: str) -> None:
    task = task_named(task_id)
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    clean = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    generator = torch.Generator().manual_seed(1)
    values = task.values({"sigma": 5} if task_id == "denoise" else {})
    try:
        given = degraded(task, values, clean, generator)
    except Exception as error:  # a sentence for the user, whatever the task is
        assert str(error).endswith(".") and "\n" not in str(error)
        assert task_id not in ("denoise", "deblurring", "inpainting", "super-resolution",
                               "colorization")
        return
    with torch.no_grad():
        problem = task.pose(given, values)
        assert problem.degradation(clean).shape == problem.y.shape
        error = (problem.degradation(clean) - problem.y).square().mean().sqrt()
    assert float(error) < (0.045 if task_id == "denoise" else 0.01)


def test_the_best_start_is_the_one_nearest_to_the_truth(photos: Path) -> None:
    """With every value known exactly, the result does not depend on the start; with the larger part
    unknown it does, and the winner's distance is the least."""
    task = task_named("inpainting")
    prior = GaussianPrior(0.0, 0.4, window=32)
    name, metric = metric_for(prior)
    assert name == "1 - SSIM"
    pairs = made_pairs(task, task.values({}), sorted(photos.glob("*.png")), 32, 3, 0)
    assert len(pairs) == 3 and len({float(p.clean.sum()) for p in pairs}) == 3
    # Where there are fewer photos than asked for, each counts once.
    paths = sorted(photos.glob("*.png"))
    all_of_them = made_pairs(task, task.values({}), paths, 32, 2 * len(paths), 0)
    assert len({float(pair.clean.mean()) for pair in all_of_them}) == len(paths) > 3
    search = Search(task, task.values({}), prior, 3, metric)
    found = dict(scores(search, [Boundary(k, 32) for k in range(4)], pairs))
    assert list(found) == [0, 1, 2, 3] and len({float(d.mean()) for d in found.values()}) == 4
    assert all(distances.shape == (3,) for distances in found.values())
    again = dict(scores(search, [Boundary(2, 32)], pairs))
    assert np.array_equal(again[0], found[2])


def test_the_gain_is_that_over_others_with_its_error() -> None:
    ours = np.array([0.8, 1.0, 0.9, 0.7])
    theirs = np.array([[1.0, 1.1, 1.0, 0.9], [0.9, 1.2, 1.1, 1.0], [0.8, 0.9, 0.8, 0.7]])
    gain = gain_of(ours, theirs)
    assert (gain.ours, gain.theirs) == (pytest.approx(0.85), pytest.approx(0.95))
    assert (gain.beaten, gain.others, gain.pairs) == (2, 3, 4)
    difference = np.array([0.1, 1 / 15, 1 / 15, 1 / 6])
    assert gain.error == pytest.approx(difference.std(ddof=1) / 2)
    assert "10.5 % less, ± " in str(gain) and "beats 2 of them" in str(gain)
    # None to be had, and none to be sure of from a single photo.
    assert "no gain (12.0 % more)" in str(gain_of(1.12 * theirs[2], theirs[2:]))
    alone = gain_of(ours[:1], theirs[:, :1])
    assert np.isnan(alone.error) and "±" not in str(alone)
    assert "no gain" in str(gain_of(np.zeros(3), np.zeros((2, 3))))


def test_searched_checked_stored_and_used(
    photos: Path, prior: Path, tmp_path: Path, run: Run, put_photo: Put
) -> None:
    own = tmp_path / prior.name
    own.write_bytes(prior.read_bytes())
    outcome = run("boundary", "--task", "super-resolution", "--photos", photos, "--steps", "2",
                  "--candidates", "3", "--pairs", "2", "--side", "32", "--prior", own,
                  "--device", "cpu")
    assert outcome.code == 0, outcome.err
    searched, checked, stored = outcome.out.splitlines()
    assert "best of 3 over 2 pairs" in searched
    assert "not used for the search" in checked and "random starts" in checked
    assert str(own.with_suffix("")) in stored
    entry, = json.loads(own.with_name(f"{own.stem}.boundaries.json").read_text())
    assert entry["task"] == "super-resolution" and 0 <= entry["seed"] < 3
    assert entry["score"] <= entry["typical"]

    photo = put_photo("small.png")
    words = ("restore", photo, "--task", "super-resolution", "--method", "boundary", "--prior",
             own, "--device", "cpu", "--json", "-o", tmp_path / "out", "--overwrite")
    used = run(*words, "--steps", "2", "--seed", "1").reports[0]
    first = Path(used["output"]).read_bytes()
    assert not any("start noise" in note for note in used["notes"])
    run(*words, "--steps", "2", "--seed", "2")
    assert Path(used["output"]).read_bytes() == first  # the seed plays no part
    missing = run(*words, "--steps", "3").reports[0]
    assert any("start noise" in note and note.endswith(".") for note in missing["notes"])


def test_what_cannot_be_searched_is_said_in_a_sentence(photos: Path, prior: Path, run: Run) -> None:
    words = ("boundary", "--photos", photos, "--prior", prior, "--side", "32", "--task")
    assert "linear" in run(*words, "low-light").sentence
    assert run(*words, "nonsense").code == 2
    too_large = run(*words[:-3], "--side", "4000", "--task", "denoise")
    assert too_large.code == 1 and "larger" in too_large.sentence
    assert run("boundary", "--photos", photos / "none", "--task", "denoise").code == 2
