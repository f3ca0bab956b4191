"""Jobs with priors of other formats: sizes, windows, seeds and notes as with our own."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.diffusers_unet import DiffusersConfig, DiffusersUNet
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.photo import load_photo
from gdp_desktop.restoration.job import CancelToken, Finished, Job, Recipe
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.restoration.restore import restore

DIFFUSERS = {
    "_class_name": "UNet2DModel", "block_out_channels": [8, 16, 16], "norm_num_groups": 4,
    "layers_per_block": 1, "attention_head_dim": None, "sample_size": 32,
    "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
}


@pytest.fixture(scope="module")
def prior_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("priors")
    adm = ADM(ADMConfig(32, (32, 32, 32), (False, False, True), 1))
    torch.save(adm.state_dict(), folder / "tiny.pt")
    (folder / "ddpm").mkdir()
    (folder / "ddpm" / "config.json").write_text(json.dumps(DIFFUSERS))
    network = DiffusersUNet(DiffusersConfig.from_json(DIFFUSERS))
    save_file(network.state_dict(), folder / "ddpm" / "diffusion_pytorch_model.safetensors")
    return {"adm": folder / "tiny.pt", "diffusers": folder / "ddpm"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(30, 200, (22, 41, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "photo.png"), cv2.GaussianBlur(pixels, (0, 0), 2))
    return tmp_path / "photo.png"


def run(photo: Path, prior: Path, task: str, batch: int | None = None, **given) -> Finished:
    mask = None
    if task == "inpainting":
        mask = Mask.empty(load_photo(photo).size)
        mask.pixels[8:12, 20:25] = 255
    recipe = Recipe(task, prior=str(prior), device="cpu", steps=1, **given)
    events = list(restore(Job(photo, recipe, mask), CancelToken(), window_batch=batch))
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize("format, task", [
    ("adm", "denoise"), ("adm", "inpainting"), ("diffusers", "denoise"), ("diffusers", "low-light"),
])
def test_any_format_restores(
    format: str, task: str, photo: Path, prior_paths: dict[str, Path]
) -> None:
    finished = run(photo, prior_paths[format], task)
    before = load_photo(photo)
    assert finished.photo.size == before.size
    assert finished.report.evaluations > 0 and finished.report.prior == prior_paths[format].stem
    assert (finished.photo.pixels != before.pixels).any()
    if task == "inpainting":
        kept = np.ones((22, 41), bool)
        kept[8:12, 20:25] = False
        assert np.array_equal(finished.photo.pixels[kept], before.pixels[kept])


@pytest.mark.parametrize("format", ["adm", "diffusers"])
def test_same_seed_same_bytes_whatever_the_window_batch(
    format: str, photo: Path, prior_paths: dict[str, Path]
) -> None:
    one, again, three = (run(photo, prior_paths[format], "denoise", batch, seed=4)
                         for batch in (1, 1, 3))
    assert np.array_equal(one.photo.pixels, again.photo.pixels)
    assert np.array_equal(one.photo.pixels, three.photo.pixels)


def test_what_a_loaded_prior_says_of_itself(prior_paths: dict[str, Path]) -> None:
    loaded = load_prior(str(prior_paths["adm"]), "cpu")
    parameters = [p for p in loaded.prior.network.parameters()]
    assert loaded.format == "adm" and loaded.device == "cpu" and loaded.notes == ()
    assert loaded.memory == sum(p.numel() * p.element_size() for p in parameters)
    assert loaded.precision in ("float32", "bfloat16")
    assert not any(p.requires_grad for p in parameters)


def test_a_changed_file_is_read_again(prior_paths: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(prior_paths["adm"].read_bytes())
    before = load_prior(str(path), "cpu")
    assert load_prior(str(path), "cpu") is before
    state = torch.load(path, weights_only=True)
    torch.save({name: tensor * 0.5 for name, tensor in state.items()}, path)
    assert load_prior(str(path), "cpu").sha256 != before.sha256


def test_a_link_that_leads_nowhere_does_no_harm_in_the_folder_of_a_prior(
    prior_paths: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "ddpm"
    folder.mkdir()
    for file in prior_paths["diffusers"].iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "README.md").symlink_to("nowhere")
    assert load_prior(str(folder), "cpu").format == "diffusers"
