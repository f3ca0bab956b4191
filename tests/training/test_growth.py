"""A prior that grows keeps what it knows and learns with what is new."""

from dataclasses import replace

import pytest
import torch

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from gdp_desktop.training.growth import grown

SMALL = UNetConfig(widths=(8, 12), blocks=(1, 1), embedding=16)


@pytest.fixture
def network() -> UNet:
    """A network in which no weight is zero, as after a training."""
    torch.manual_seed(0)
    made = UNet(SMALL)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize("blocks", [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_a_grown_network_answers_as_before(network: UNet, blocks: tuple[int, int]) -> None:
    larger = grown(network, replace(SMALL, blocks=blocks))
    assert larger.config.blocks == blocks
    # One block more is one in the encoder and one in the decoder.
    assert len(list(larger.modules())) - len(list(network.modules())) == sum(
        2 * len(list(stage[0].modules())) * (n - 1)
        for stage, n in zip(network.encoder, blocks, strict=True)
    )
    x_t, log_sigma = torch.randn(2, 3, 24, 16), torch.tensor([-3.0, 1.0])
    with torch.no_grad():
        assert torch.equal(larger(x_t, log_sigma), network(x_t, log_sigma))


def test_new_blocks_learn(network: UNet) -> None:
    larger = grown(network, replace(SMALL, blocks=(2, 2)))
    larger(torch.randn(1, 3, 16, 16), torch.zeros(1)).square().mean().backward()
    gradients = [stage[1].conv2.weight.grad for stage in (*larger.encoder, *larger.decoder)]
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize("config", [
    replace(SMALL, blocks=(0, 1)), replace(SMALL, widths=(8, 16)), replace(SMALL, unshuffle=1),
    UNetConfig(widths=(8, 12, 16), blocks=(1, 1, 1), embedding=16),
], ids=["fewer blocks", "wider", "other pixels", "more resolutions"])
def test_no_other_shape_is_grown_into(network: UNet, config: UNetConfig) -> None:
    with pytest.raises(CheckpointError, match="cannot grow"):
        grown(network, config)
