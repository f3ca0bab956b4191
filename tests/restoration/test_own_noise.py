"""Sampling that starts from the photo's own noise, where the exact answer is known."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.resampling import enlarged, halved
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.adaptive import CoarseToFine
from gdp_desktop.methods.method import Assignment
from gdp_desktop.methods.own_noise import LARGEST_GAIN, starting_sigma, taken_back
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior

STD, SIGMA = 0.15, 0.1
SIZE = Size(96, 96)


class UnevenNoise(Degradation):
    """The right half of the photo is said to carry a quarter of the noise."""

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        gain = torch.ones(1, 1, *y.shape[-2:])
        gain[..., y.shape[-1] // 2 :] = 0.25
        return gain


def denoised(y: torch.Tensor, degradation: Degradation) -> torch.Tensor:
    problem = Problem(
        y=y, degradation=degradation, sigma_y=(SIGMA, 0.0), start_sigma=None, coarse_sigma=None,
        zeta=0.0, solver_steps=2,
    )
    solver = CoarseToFine(Assignment(problem, GaussianPrior(0.0, STD), SIZE, steps=1))
    *_, last = solver.solve(torch.Generator().manual_seed(0), lambda: None)
    return last.x0


def slope(result: torch.Tensor, y: torch.Tensor) -> float:
    return float((result * y).sum() / y.square().sum())


def test_the_photo_is_counted_once() -> None:
    """One step from y itself is the posterior mean, y·s²/(s² + σ²)."""
    generator = torch.Generator().manual_seed(1)
    truth = STD * torch.randn(1, 3, 96, 96, generator=generator)
    y = truth + SIGMA * torch.randn(truth.shape, generator=generator)
    expected = STD**2 / (STD**2 + SIGMA**2)
    assert slope(denoised(y, Degradation()), y) == pytest.approx(expected, abs=0.03)


def test_cleaner_parts_keep_their_detail() -> None:
    """Where noise had to be added to reach a common level, the photo itself fills in what that
    noise hid."""
    y = STD * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    result = denoised(y, UnevenNoise())
    noisy, clean = slope(result[..., :48], y[..., :48]), slope(result[..., 48:], y[..., 48:])
    assert clean > 0.8 > 0.75 > noisy


def test_detail_is_taken_back_to_the_noise_that_sampling_starts_from() -> None:
    start = 0.4 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    own = torch.full((1, 1, 64, 64), 0.1)
    own[..., 32:] = 0.4
    result = taken_back(start, own, 0.1)
    assert torch.equal(result[..., :32], start[..., :32])
    detail = result - enlarged(halved(start))
    before = start - enlarged(halved(start))
    assert torch.allclose(detail[..., 40:], before[..., 40:] / 4, atol=1e-6)


@pytest.mark.parametrize("own", [
    torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 8, 8), 0.1), torch.zeros(1, 1, 8, 8),
])
def test_what_is_alike_everywhere_or_low_enough_is_left_as_it_is(own: torch.Tensor) -> None:
    start = torch.rand(1, 3, 8, 8)
    assert taken_back(start, own, 0.1 if bool(own.any()) else 0.0) is start


def test_sampling_starts_from_no_more_than_a_number_of_times_the_noise() -> None:
    gain = torch.ones(1, 1, 10, 10)
    gain[..., 4:] = 100
    assert starting_sigma(gain, 0.02, 0.3) == pytest.approx(0.02)
    assert starting_sigma(gain, 0.02, 0.9) == pytest.approx(0.02 * LARGEST_GAIN)
