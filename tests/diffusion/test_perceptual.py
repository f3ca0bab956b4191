"""SSIM and the perceptual distance: what they measure, and that guidance can follow them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import metrics
from gdp_desktop.diffusion.perceptual import (
    features_of_prior,
    perceptual_distance,
)
from gdp_desktop.diffusion.prior import UNetPrior
from gdp_desktop.diffusion.quality import ssim
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from tests.gaussian_prior import GaussianPrior


def picture(seed: int = 0, side: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = 2 * torch.rand(1, 3, 5, 5, generator=generator) - 1
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)


def prior() -> UNetPrior:
    torch.manual_seed(0)
    network = UNet(UNetConfig(widths=(8, 12, 16), blocks=(1, 1, 1), embedding=16))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return UNetPrior(network.eval().requires_grad_(False))


def test_ssim_is_that_of_the_benchmarks() -> None:
    x, reference = picture(side=24).double(), picture(1, side=24).double()

    def array(image: torch.Tensor) -> np.ndarray:
        return ((image + 1) / 2)[0].permute(1, 2, 0).numpy()

    assert float(ssim(x, reference)) == pytest.approx(metrics.ssim(array(x), array(reference)))
    assert float(ssim(x, x)) == pytest.approx(1)
    assert float(ssim(x, reference)) < 0.9


def test_ssim_needs_a_window() -> None:
    with pytest.raises(ValueError, match="11×11"):
        ssim(torch.zeros(1, 3, 10, 30), torch.zeros(1, 3, 10, 30))


def test_ssim_gradient() -> None:
    x = 0.5 * picture(side=12).double()
    reference = picture(1, side=12).double()
    loss = torch.autograd.gradcheck(
        lambda v: ssim(v, reference), (x.requires_grad_(True),), fast_mode=True
    )
    assert loss


def test_features_have_the_shapes_of_the_resolutions() -> None:
    network = prior().network
    found = network.features(picture(), torch.zeros(1))
    assert [tuple(f.shape) for f in found] == [(1, 8, 8, 8), (1, 12, 4, 4), (1, 16, 2, 2)]


def test_perceptual_distance_grows_with_the_difference() -> None:
    features, x = features_of_prior(prior()), picture()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    distances = [float(perceptual_distance(features, x + s * noise, x)) for s in (0, 0.05, 0.2)]
    assert distances[0] == 0 and 0 < distances[1] < distances[2]
    assert distances[2] <= 4 * 3


def test_the_distance_can_be_followed() -> None:
    features, reference = features_of_prior(prior()), picture(1)
    x = picture().requires_grad_(True)
    loss = perceptual_distance(features, x, reference)
    slope = torch.autograd.grad(loss, x)[0]
    assert bool(torch.isfinite(slope).all())
    with torch.no_grad():
        lower = perceptual_distance(features, x - 0.01 * slope / slope.norm(), reference)
    assert float(lower) < float(loss.detach())


def test_flat_pictures_are_compared_without_harm() -> None:
    features = features_of_prior(prior())
    x = torch.zeros(1, 3, 8, 8, requires_grad=True)
    loss = perceptual_distance(features, x, torch.zeros(1, 3, 8, 8))
    assert bool(torch.isfinite(torch.autograd.grad(loss, x)[0]).all())


def test_only_the_embedded_kind_has_features() -> None:
    with pytest.raises(ValueError):
        features_of_prior(GaussianPrior(0.0, 0.5))


def test_any_size_has_features() -> None:
    """Photos made small to be compared have whatever size they come to."""
    features = features_of_prior(prior())
    odd, even = picture(side=37), picture(side=37)[..., :32, :32]
    assert features(odd)[0].shape == features(even)[0].shape
    assert float(perceptual_distance(features, odd[..., :32, :32], even)) == 0
