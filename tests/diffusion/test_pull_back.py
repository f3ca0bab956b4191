"""Derivatives through the prior, against differences of its answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.prior import EpsPrior, Prior, UNetPrior, pulled_back
from gdp_desktop.diffusion.tiler import TiledPrior, Tiler
from gdp_desktop.diffusion.unet import UNet, UNetConfig
from tests.gaussian_prior import GaussianPrior

STEP = 300


def shaken(network: torch.nn.Module, by: float = 0.05) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return network.eval()


def unet_prior() -> UNetPrior:
    torch.manual_seed(0)
    network = shaken(UNet(UNetConfig(widths=(8, 8), blocks=(1, 1), embedding=16)))
    return replace(UNetPrior(network), window=24, halo=2)


def tiled(prior: Prior, heard: list[int] | None = None) -> TiledPrior:
    note = (lambda: None) if heard is None else (lambda: heard.append(1))
    return TiledPrior(prior, Tiler(24, 2, ramp=4, stride=4), batch=2, window_done=note)


def eps_prior() -> EpsPrior:
    torch.manual_seed(0)
    config = ADMConfig(width=32, channels=(32, 64), attention=(False, True), blocks=1)
    return EpsPrior(shaken(ADM(config), 0.02), window=16, variance="learned")


PRIORS = {
    "U-Net": unet_prior,
    "windows": lambda: tiled(unet_prior()),
    "closed form": lambda: GaussianPrior(0.1, 0.3),
    "public checkpoint": eps_prior,
}


@pytest.mark.parametrize("name", PRIORS)
def test_agrees_with_differences(name: str) -> None:
    """⟨slope, J·v⟩ = ⟨Jᵀ·slope, v⟩, J·v from two evaluations."""
    prior = PRIORS[name]()
    generator = torch.Generator().manual_seed(1)
    side = 16 if name == "public checkpoint" else 40
    x_t, v, slope = (0.2 * torch.randn(1, 3, side, side, generator=generator) for _ in range(3))
    reach = 0.01
    # Where an answer is nearly clamped, the difference is bent.
    slope = slope * (prior(x_t, STEP).x0.abs() < 0.95)
    assert float((slope != 0).float().mean()) > 0.5
    with torch.no_grad():
        moved = prior(x_t + reach * v, STEP).x0 - prior(x_t - reach * v, STEP).x0
    expected = float((slope * moved).sum()) / (2 * reach)
    found = prior.pull_back(x_t, STEP, slope)
    assert found.shape == x_t.shape and not found.requires_grad
    assert float((found * v).sum()) == pytest.approx(expected, rel=0.02, abs=1e-4)


def test_saturated_values_do_not_pull() -> None:
    prior = unet_prior()
    x_t = torch.full((1, 3, 24, 24), 50.0)
    clean = prior(x_t, STEP).x0
    assert bool((clean.abs() == 1).all())
    assert not bool(prior.pull_back(x_t, STEP, torch.ones_like(x_t)).any())


def test_windows_are_counted_and_the_batch_does_not_matter() -> None:
    heard: list[int] = []
    prior = tiled(unet_prior(), heard)
    x_t = 0.3 * torch.randn(2, 3, 40, 24, generator=torch.Generator().manual_seed(0))
    slope = torch.ones_like(x_t)
    both = prior.pull_back(x_t, STEP, slope)
    assert len(heard) == 2
    one = prior.pull_back(x_t[1:], STEP, slope[1:])
    assert torch.allclose(both[1:], one, atol=1e-6)


def test_small_slopes_survive_half_precision() -> None:
    """J is linear: a millionth of a slope gives a millionth of the answer."""
    def clean(x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x.half() * 2).float()

    x_t = torch.randn(1, 3, 8, 8)
    slope = torch.randn(1, 3, 8, 8)
    exact = pulled_back(clean, x_t, slope)
    assert torch.allclose(1e7 * pulled_back(clean, x_t, 1e-7 * slope), exact, rtol=1e-3, atol=1e-4)
    assert float(pulled_back(clean, x_t, 0 * slope).abs().max()) == 0
