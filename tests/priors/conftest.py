"""Tiny priors of every format, and folders of their own for every test."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.checkpoints import CheckpointError, serialise_unet
from gdp_desktop.diffusion.diffusers_unet import DiffusersConfig, DiffusersUNet
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.priors import places

TINY_ADM = ADMConfig(32, (32, 32), (False, True), 1)
TINY_DIFFUSERS = {
    "_class_name": "UNet2DModel", "block_out_channels": [8, 16], "norm_num_groups": 4,
    "layers_per_block": 1, "attention_head_dim": None, "sample_size": 16,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
}
SCHEDULER = {"beta_start": 1e-3, "beta_end": 0.3, "num_train_timesteps": 50,
             "variance_type": "fixed_large"}


@cache
def network(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    made = {
        "adm": lambda: ADM(TINY_ADM),
        "diffusers": lambda: DiffusersUNet(DiffusersConfig.from_json(TINY_DIFFUSERS)),
        "gdp-unet": lambda: UNet(UNetConfig((8, 8), (1, 1), 8)),
    }[kind]()
    return made.eval().requires_grad_(False)


def state(kind: str) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network(kind).state_dict().items()}


def put_adm(folder: Path, name: str = "tiny-adm.pt") -> Path:
    torch.save(state("adm"), folder / name)
    return folder / name


def put_unet(folder: Path, name: str = "tiny-unet.safetensors") -> Path:
    training = {"step": 3, "x0_error": [[0.01, 0.01], [100.0, 0.5]], "validation": {"25": 30.5}}
    (folder / name).write_bytes(serialise_unet(network("gdp-unet"), training))
    return folder / name


def put_diffusers(folder: Path, name: str = "tiny-ddpm") -> Path:
    path = folder / name
    path.mkdir()
    (path / "config.json").write_text(json.dumps(TINY_DIFFUSERS))
    (path / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    (path / "README.md").write_text("---\nlicense: apache-2.0\ntags: [x]\n---\n# Tiny\n")
    save_file(state("diffusers"), path / "diffusion_pytorch_model.safetensors")
    return path


MAKERS = {"gdp-unet": put_unet, "diffusers": put_diffusers, "adm": put_adm}
every_format = pytest.mark.parametrize("format", MAKERS)


def refusal(call, *given, **options) -> str:
    """The one sentence with which a call refuses."""
    with pytest.raises(CheckpointError) as raised:
        call(*given, **options)
    sentence = str(raised.value)
    assert sentence.endswith(".") and "\n" not in sentence and 10 < len(sentence) < 500
    return sentence


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Where the user's files lie before they are imported."""
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for priors, the only one there is."""
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setattr(places, "MODEL_FOLDERS", ())
    return tmp_path / "models"
