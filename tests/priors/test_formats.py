"""What holds for every format of weights, and what is particular to one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.prior import EpsPrior, UNetPrior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.priors.formats import FORMATS, blank_prior, format_of, read_prior, window_for
from gdp_desktop.priors.weights import open_weights

from .conftest import (
    MAKERS,
    SCHEDULER,
    TINY_DIFFUSERS,
    every_format,
    network,
    put_adm,
    put_diffusers,
    put_unet,
    refusal,
    state,
)


def test_there_is_a_tiny_file_of_every_format() -> None:
    assert list(MAKERS) == [known.name for known in FORMATS]


@every_format
def test_one_format_knows_the_file(format: str, given: Path) -> None:
    weights = open_weights(MAKERS[format](given))
    assert [known.name for known in FORMATS if known.detect(weights)] == [format]
    assert format_of(weights).name == format


@every_format
def test_the_numbers_come_back(format: str, given: Path) -> None:
    prior = read_prior(MAKERS[format](given))
    read, wanted = prior.network.state_dict(), state(format)
    assert read.keys() == wanted.keys()
    assert all(torch.equal(read[name], wanted[name]) for name in wanted)
    assert not prior.network.training and prior.precision == torch.float32


@every_format
def test_it_is_a_prior(format: str, given: Path) -> None:
    prior = read_prior(MAKERS[format](given))
    side = prior.window
    assert side % prior.stride == 0
    # What the halo and a ramp of 16 leave of a window is at least one step of the grid.
    assert side - 2 * min(prior.halo, side // 8) - 16 >= prior.stride
    for size in ((side, side), (prior.stride, 3 * prior.stride)):
        x_t = torch.randn(1, 3, *size)
        for i in (0, len(prior.schedule) - 1):
            denoised = prior(x_t, i)
            assert denoised.x0.shape == x_t.shape
            assert denoised.log_variance.shape in (x_t.shape, (1, 1, 1, 1))
            assert float(denoised.x0.abs().max()) <= 1
            assert 0 < prior.x0_std(i) <= float(prior.schedule.sigmas[i])
    fewer = prior.schedule.quadratic(3)
    assert len(prior.respaced(fewer).schedule) == 3 and prior.on("cpu").stride == prior.stride


@every_format
def test_the_fit_is_known_without_reading_numbers(format: str, given: Path) -> None:
    weights = open_weights(MAKERS[format](given))
    blank = blank_prior(weights)
    assert all(p.device.type == "meta" for p in blank.network.parameters())
    assert weights.parameters == sum(p.numel() for p in network(format).parameters())


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "renamed", "many"])
@every_format
def test_what_does_not_fit_is_named_briefly(format: str, change: str, given: Path) -> None:
    path = MAKERS[format](given)
    file, tensors = open_weights(path).file, state(format)
    name = max(tensors)
    if change == "missing":
        del tensors[name]
    if change == "unexpected":
        tensors["surprise"] = torch.zeros(1)
    if change == "shape":
        tensors[name] = torch.zeros(*tensors[name].shape, 2)
    if change == "renamed":
        tensors[f"module.{name}"] = tensors.pop(name)
    if change == "many":
        tensors |= {f"surprise.{n}": torch.zeros(1) for n in range(500)}
    metadata = dict(open_weights(path).metadata)
    torch.save(tensors, file) if format == "adm" else save_file(tensors, file, metadata)
    sentence = refusal(read_prior, path)
    wanted = {"missing": name, "unexpected": "surprise", "shape": name,
              "renamed": f"module.{name}", "many": "497 more"}[change]
    assert wanted in sentence and "do not fit" in sentence


@every_format
def test_invalid_numbers_are_found(format: str, given: Path) -> None:
    path = MAKERS[format](given)
    file, tensors = open_weights(path).file, state(format)
    name = sorted(tensors)[len(tensors) // 2]
    tensors[name].view(-1)[-1] = math.inf
    metadata = dict(open_weights(path).metadata)
    torch.save(tensors, file) if format == "adm" else save_file(tensors, file, metadata)
    assert name in refusal(read_prior, path)


@every_format
def test_half_precision_files_are_used_in_float32(format: str, given: Path) -> None:
    path = MAKERS[format](given)
    file, tensors = open_weights(path).file, {k: t.half() for k, t in state(format).items()}
    metadata = dict(open_weights(path).metadata)
    torch.save(tensors, file) if format == "adm" else save_file(tensors, file, metadata)
    assert {p.dtype for p in read_prior(path).network.parameters()} == {torch.float32}


def test_our_own_brings_its_error_table(given: Path) -> None:
    prior = read_prior(put_unet(given))
    assert isinstance(prior, UNetPrior) and prior.error_table == ((0.01, 0.01), (100.0, 0.5))


class TestADM:
    def test_as_it_was_trained(self, given: Path) -> None:
        prior = read_prior(put_adm(given))
        assert isinstance(prior, EpsPrior) and prior.variance == "learned"
        assert torch.equal(prior.schedule.betas, Schedule.linear().betas)

    @pytest.mark.parametrize("levels, window", [(6, 256), (5, 128), (4, 64), (7, 512)])
    def test_the_trained_size(self, levels: int, window: int) -> None:
        stride = 2 ** (levels - 1)
        assert window_for(8 * stride, stride) == window

    def test_class_conditional_is_refused(self, given: Path) -> None:
        torch.save(state("adm") | {"label_emb.weight": torch.zeros(10, 128)}, given / "c.pt")
        assert "class-conditional" in refusal(read_prior, given / "c.pt")

    @pytest.mark.parametrize("channels", [4, 6])
    def test_latent_and_super_resolution_are_refused(self, channels: int, given: Path) -> None:
        tensors = state("adm") | {"input_blocks.0.0.weight": torch.zeros(32, channels, 3, 3)}
        torch.save(tensors, given / "l.pt")
        assert f"{channels} channels" in refusal(read_prior, given / "l.pt")

    @pytest.mark.parametrize("name", ["output_blocks.3.0.in_layers.0.weight", "out.2.weight",
                                      "time_embed.0.weight", "input_blocks.1.0"])
    def test_half_a_network_is_refused(self, name: str, given: Path) -> None:
        left = {k: t for k, t in state("adm").items() if not k.startswith(name)}
        torch.save(left, given / "half.pt")
        refusal(read_prior, given / "half.pt")


class TestDiffusers:
    def rewrite(self, folder: Path, file: str, **changes: object) -> Path:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return folder

    def test_the_scheduler_is_honoured(self, given: Path) -> None:
        prior = read_prior(put_diffusers(given))
        assert isinstance(prior, EpsPrior) and prior.variance == "large"
        wanted = torch.linspace(1e-3, 0.3, 50, dtype=torch.float64)
        assert torch.allclose(prior.schedule.betas, wanted)
        assert prior.schedule.timesteps.tolist() == list(range(50))

    @pytest.mark.parametrize("changes, first, last", [
        ({"beta_schedule": "scaled_linear"}, 1e-3, 0.3),
        ({"trained_betas": [0.1, 0.2, 0.25]}, 0.1, 0.25),
        ({"beta_schedule": "squaredcos_cap_v2"}, 0.001748, 0.999),
    ], ids=str)
    def test_other_schedules(
        self, changes: dict[str, object], first: float, last: float, given: Path
    ) -> None:
        folder = self.rewrite(put_diffusers(given), "scheduler_config.json", **changes)
        betas = read_prior(folder).schedule.betas
        assert float(betas[0]) == pytest.approx(first, rel=1e-3)
        assert float(betas[-1]) == pytest.approx(last)

    @pytest.mark.parametrize("changes", [
        {"prediction_type": "v_prediction"}, {"beta_schedule": "sigmoid"},
        {"variance_type": "learned_range"}, {"rescale_betas_zero_snr": True},
    ], ids=str)
    def test_other_processes_are_refused_by_name(
        self, changes: dict[str, object], given: Path
    ) -> None:
        folder = self.rewrite(put_diffusers(given), "scheduler_config.json", **changes)
        assert next(iter(changes)) in refusal(read_prior, folder)

    @pytest.mark.parametrize("changes", [
        {"num_train_timesteps": 0}, {"num_train_timesteps": 10**9}, {"beta_end": 3},
        {"beta_start": "low"}, {"trained_betas": [[1]]}, {"trained_betas": "x"},
        {"num_train_timesteps": None},
    ], ids=str)
    def test_a_process_of_nonsense_is_refused(
        self, changes: dict[str, object], given: Path
    ) -> None:
        refusal(read_prior, self.rewrite(put_diffusers(given), "scheduler_config.json", **changes))

    @pytest.mark.parametrize("changes", [
        {"in_channels": 4}, {"num_class_embeds": 10}, {"_class_name": "UNet2DConditionModel"},
        {"down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"]},
    ], ids=str)
    def test_other_models_are_refused(self, changes: dict[str, object], given: Path) -> None:
        folder = self.rewrite(put_diffusers(given), "config.json", **changes)
        assert "another kind of model" in refusal(read_prior, folder)

    @pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"block_out_channels": 3}'])
    def test_a_damaged_description_is_refused(self, text: str, given: Path) -> None:
        folder = put_diffusers(given)
        (folder / "config.json").write_text(text)
        refusal(read_prior, folder)

    def test_without_a_scheduler_it_is_ddpm_s_own(self, given: Path) -> None:
        folder = put_diffusers(given)
        (folder / "scheduler_config.json").unlink()
        assert torch.equal(read_prior(folder).schedule.betas, Schedule.linear().betas)

    def test_a_pipeline_s_folder(self, given: Path) -> None:
        flat, folder = put_diffusers(given), given / "pipeline"
        (folder / "unet").mkdir(parents=True)
        (folder / "scheduler").mkdir()
        for name in ("config.json", "diffusion_pytorch_model.safetensors"):
            (flat / name).rename(folder / "unet" / name)
        (flat / "scheduler_config.json").rename(folder / "scheduler" / "scheduler_config.json")
        for path in (folder, folder / "unet"):
            prior = read_prior(path)
            assert len(prior.schedule) == SCHEDULER["num_train_timesteps"]

    def test_its_weights_stand_for_the_folder(self, given: Path) -> None:
        folder = put_diffusers(given)
        file = folder / "diffusion_pytorch_model.safetensors"
        assert open_weights(file).path == folder
        alone = given / "alone.safetensors"
        file.rename(alone)
        assert "diffusers folder" in refusal(read_prior, alone)

    def test_a_bin_file_will_do(self, given: Path) -> None:
        folder = put_diffusers(given)
        (folder / "diffusion_pytorch_model.safetensors").unlink()
        torch.save(state("diffusers"), folder / "diffusion_pytorch_model.bin")
        assert read_prior(folder).stride == 2

    def test_the_sample_size(self, given: Path) -> None:
        folder = put_diffusers(given)
        for size, window in ((16, 32), (64, 64), ([96, 64], 64), (None, 32), (65, 64)):
            self.rewrite(folder, "config.json", sample_size=size)
            assert read_prior(folder).window == window


def test_the_description_is_not_trusted(given: Path) -> None:
    folder = put_diffusers(given)
    wild = TINY_DIFFUSERS | {"block_out_channels": [8192, 8192], "layers_per_block": 3}
    (folder / "config.json").write_text(json.dumps(wild))
    # As nothing is allocated before it fits, this is quick.
    with pytest.raises(CheckpointError, match="do not fit"):
        read_prior(folder)
