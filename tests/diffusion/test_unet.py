"""The network's shape, its cost, and that it looks only so far."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gdp_desktop.diffusion.unet import PixelNorm, ResBlock, UNet, UNetConfig, noise_features

from .test_tiler import random_unet

TINY = UNetConfig((8, 8), (1, 1), 8, 2)


@pytest.mark.parametrize("config", [TINY, UNetConfig((4, 8, 12), (1, 2, 1), 6, 2),
                                    UNetConfig((4,), (1,), 6, 1), UNetConfig((4, 4), (0, 1), 6, 4)])
def test_any_multiple_of_the_stride_goes_through(config: UNetConfig) -> None:
    network = random_unet(config)
    for rows, columns in ((1, 1), (1, 3), (5, 2)):
        x = torch.randn(2, 3, rows * config.stride, columns * config.stride)
        with torch.no_grad():
            v = network(x, torch.zeros(2))
        assert v.shape == x.shape and bool(torch.isfinite(v).all())


def test_sizes_between_are_refused_rather_than_cropped() -> None:
    with pytest.raises(RuntimeError):
        UNet(TINY)(torch.zeros(1, 3, TINY.stride + 1, TINY.stride), torch.zeros(1))


def test_fresh_blocks_are_the_identity() -> None:
    block, x = ResBlock(8, 4), torch.randn(2, 8, 5, 6)
    modulated = {block: block.modulated(torch.randn(2, 4))}
    assert torch.equal(block.walk(modulated)(x, True), x)


def test_pixel_norm_looks_at_one_pixel() -> None:
    x = torch.randn(2, 8, 5, 6) * 3 + 1
    normal = PixelNorm(8)(x)
    assert torch.allclose(normal.mean(dim=1), torch.zeros(2, 5, 6), atol=1e-5)
    assert torch.allclose(normal.var(dim=1, correction=0), torch.ones(2, 5, 6), atol=1e-3)
    changed = x.clone()
    changed[..., 2, 3] = 50
    others = torch.ones(5, 6, dtype=torch.bool)
    others[2, 3] = False
    assert torch.equal(PixelNorm(8)(changed)[..., others], normal[..., others])


@pytest.mark.parametrize("shape", [(8,), (2, 1, 1, 8)])
def test_pixel_norm_scales_and_shifts(shape: tuple[int, ...]) -> None:
    norm, x = PixelNorm(8), torch.randn(2, 8, 5, 6)
    scale, shift = torch.randn(2, *shape)
    of_channels = [t.expand(2, 1, 1, 8).permute(0, 3, 1, 2) for t in (scale, shift)]
    expected = norm(x) * of_channels[0] + of_channels[1]
    torch.testing.assert_close(norm(x, (scale, shift)), expected)


def test_one_noise_level_for_all_is_the_same_as_each_its_own() -> None:
    network, x = random_unet(TINY), torch.randn(2, 3, 2 * TINY.stride, TINY.stride)
    with torch.no_grad():
        each = network(x, torch.full((2,), -1.0))
        torch.testing.assert_close(network(x, torch.full((1,), -1.0)), each, atol=1e-5, rtol=0)
        assert not torch.allclose(network(x, torch.full((1,), 2.0)), each, atol=1e-3)


def test_what_needs_no_gradient_is_the_same_as_what_does() -> None:
    """Values are overwritten on the way only where nobody will walk back."""
    network = random_unet(TINY)
    x_t, log_sigma = torch.randn(2, 3, 32, 40), torch.tensor([-1.0, 0.5])
    before = x_t.clone()
    with_gradient = network(x_t.requires_grad_(True), log_sigma)
    with torch.no_grad():
        without = network(x_t, log_sigma)
    assert torch.equal(x_t, before)
    torch.testing.assert_close(without, with_gradient.detach())
    with_gradient.square().sum().backward()
    assert float(x_t.grad.abs().sum()) > 0


def test_the_answer_for_a_pixel_does_not_depend_on_what_is_far_away() -> None:
    network, radius = random_unet(TINY).double(), TINY.receptive_radius
    side = 2 * radius + 16
    x = torch.randn(1, 3, side + 40, side + 24, dtype=torch.float64)
    with torch.no_grad():
        whole = network(x, torch.zeros(1).double())[..., :side, :side]
        part = network(x[..., :side, :side], torch.zeros(1).double())
    inner = (..., slice(0, side - radius), slice(0, side - radius))
    assert torch.allclose(whole[inner], part[inner], atol=1e-10)


def test_photos_of_a_batch_do_not_meet() -> None:
    network = random_unet(TINY).double()
    x, log_sigma = torch.randn(3, 3, 8, 8).double(), torch.tensor([-3.0, 0.0, 4.0]).double()
    with torch.no_grad():
        together = network(x, log_sigma)
        alone = torch.cat([network(x[k : k + 1], log_sigma[k : k + 1]) for k in range(3)])
    assert torch.allclose(together, alone, atol=1e-10)


def test_the_noise_level_matters() -> None:
    network, x = random_unet(TINY), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        quiet, loud = (network(x, torch.tensor([level])) for level in (-4.0, 4.0))
    assert float((quiet - loud).abs().mean()) > 1e-3


def test_noise_features_tell_every_level_of_the_schedule_apart() -> None:
    levels = torch.linspace(-4.6, 5.1, 1000)
    features = noise_features(levels, 64)
    assert features.shape == (1000, 64) and float(features.abs().max()) <= 1
    distance = torch.cdist(features, features) + 9 * torch.eye(1000)
    assert float(distance.min()) > 1e-3
    # The slowest wave runs less than once over the range: the ends are not taken for each other.
    assert math.pi / 10 * (5.1 + 4.6) < 2 * math.pi


def test_the_shipped_shape_is_small_enough() -> None:
    with torch.device("meta"):
        network = UNet(UNetConfig())
        x, log_sigma = torch.empty(1, 3, 64, 64), torch.empty(1)
        with FlopCounterMode(display=False) as counter:
            network(x, log_sigma)
    assert sum(p.numel() for p in network.parameters()) <= 10_000_000
    assert counter.get_total_flops() / 64**2 <= 250_000
    assert UNetConfig().stride == 8
