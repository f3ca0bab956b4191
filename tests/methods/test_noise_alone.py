"""The walks around a guided x̃0 where nothing but noise is wrong with the photo."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.methods import METHODS
from gdp_desktop.tasks.task import Problem
from tests.methods.closed_form import MEAN, SIZE, STD, flat, result


@pytest.mark.parametrize("method", ["dpm2m", "boundary"])
@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_of_noise_alone_the_walk_starts_from_the_photos_own(method: str, sigma: float) -> None:
    """Values of N(MEAN, STD²) seen in white noise: one step is their exact posterior mean, and
    many are nearer to it than the photo is."""
    truth = MEAN + STD * torch.randn(1, 3, *SIZE.shape, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(2))
    y = truth + sigma * noise
    problem = Problem(y, Degradation(), (sigma,), start_sigma=None, coarse_sigma=None, zeta=0.0)
    exact = MEAN + STD**2 / (STD**2 + sigma**2) * (y - MEAN)
    once, often = (result(method, problem, steps) for steps in (1, 12))
    assert float((once - exact).square().mean().sqrt()) < 0.1 * sigma  # between two timesteps
    error = [float((x - truth).square().mean().sqrt()) for x in (y, often)]
    assert error[1] < 0.98 * error[0]


@pytest.mark.parametrize("method", ["pyramid", "wavelet"])
def test_noise_alone_is_refused_where_it_would_have_to_be_buried(method: str) -> None:
    noisy = flat(0.4, sigma_y=(0.1,), start_sigma=None, coarse_sigma=None)
    sentence = METHODS[method].refusal(noisy)
    assert sentence is not None and "Automatic" in sentence
    assert METHODS[method].refusal(flat(0.4, start_sigma=0.3)) is None
