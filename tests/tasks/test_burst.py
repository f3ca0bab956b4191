"""A burst is averaged where it shows the same, and its noise is known to be smaller by that."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.denoise import Noise, averaged
from gdp_desktop.tasks.task import Given, Problem
from tests.gaussian_prior import GaussianPrior
from tests.tasks import posing

TASK = task_named("denoise")
posed = partial(posing.posed, TASK)
SIGMA = 10 / 127.5


def scene(side: int = 160) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shapes = [
        F.interpolate(torch.rand(1, 3, n, n, generator=generator), size=(side, side), mode=mode)
        for n, mode in ((5, "bilinear"), (20, "nearest"))
    ]
    return 0.8 * (shapes[0] + shapes[1]) - 0.8


def shot(clean: torch.Tensor, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return clean + SIGMA * torch.randn(clean.shape, generator=generator)


def burst(count: int, clean: torch.Tensor | None = None) -> Given:
    clean = scene() if clean is None else clean
    first, *others = (shot(clean, seed) for seed in range(count))
    return Given(first, others=tuple(others))


@pytest.mark.parametrize("count", [2, 4, 9])
def test_noise_falls_with_the_root_of_the_count(count: int) -> None:
    problem = posed(burst(count))
    error = float((problem.y - scene()).square().mean().sqrt())
    assert error == pytest.approx(SIGMA / count**0.5, rel=0.06)
    alone = posed(burst(1))
    assert problem.sigma_y[0] == pytest.approx(alone.sigma_y[0] / count**0.5, rel=0.15)
    stated = posed(burst(count), sigma=10)
    assert stated.sigma_y[0] == pytest.approx(SIGMA / count**0.5)
    assert problem.degradation.estimate()["photos_averaged"] == pytest.approx(count, rel=0.02)


def test_one_photo_is_as_it_was() -> None:
    given = burst(1)
    problem = posed(given)
    assert problem.y is given.y and set(problem.degradation.estimate()) == {"noise_sigma"}


def test_a_shaken_burst_is_laid_on_its_first() -> None:
    whole = scene(200)
    first, second = whole[..., 20:180, 20:180], whole[..., 14:174, 29:189]
    y, count, shifts = averaged(Given(shot(first, 0), others=(shot(second, 1),)))
    assert shifts == ((0, 0), (6, -9))
    assert float(count[..., 10:-10, 12:-12].mean()) > 1.95
    assert float((y - first).square().mean().sqrt()) < 0.8 * SIGMA


def test_what_moved_stays_sharp_and_is_known_to_be_noisier() -> None:
    given = burst(4)
    moved = [other.clone() for other in given.others]
    for step, other in enumerate(moved):
        other[..., 60:100, 40 + 20 * step : 70 + 20 * step] = 0.95
    problem = posed(Given(given.y, others=tuple(moved)))
    inside = (..., slice(66, 94), slice(46, 54))  # covered in the second photo alone
    gain = problem.degradation.noise_gain(problem.y)
    assert float(gain[inside].mean()) == pytest.approx((4 / 3) ** 0.5, rel=0.05)
    assert float(gain[..., :50, :].mean()) == pytest.approx(1, abs=0.02)
    error = float((problem.y - scene())[inside].square().mean().sqrt())
    assert error < 0.75 * SIGMA


def test_a_burst_with_white_noise_has_smaller_sizes_to_fall_back_on() -> None:
    """What is noisier than the rest is taken back to them; a single photo needs none."""
    given = burst(4)
    assert len(posed(given).sigma_y) == 1
    alone = posed(Given(given.y))
    assert alone.sigma_y[1:] == (0.0,)


def test_a_grey_photo_is_told_the_noise_that_its_channels_share() -> None:
    grey = burst(1).y.mean(dim=1, keepdim=True).expand(1, 3, -1, -1)
    problem = posed(Given(grey), sigma=10)
    assert 127.5 * problem.sigma_y[0] == pytest.approx(10 * 3**0.5)
    assert problem.degradation.estimate() == {"noise_sigma": 10}


def test_where_fewer_photos_agree_less_is_believed() -> None:
    """Of a flat burst whose photos agree in one half only, both halves' exact posterior means."""
    mean, std, y = 0.0, 0.1, 0.3
    gain = torch.ones(1, 1, 32, 32)
    gain[..., 16:] = 2.0
    sigmas = gain[0, 0, 0, [0, -1]] * SIGMA
    problem = Problem(
        torch.full((1, 3, 32, 32), y), Noise(SIGMA, gain), (SIGMA,), start_sigma=None,
        coarse_sigma=None, zeta=0.0, solver_steps=1,
    )
    method = method_named("adaptive")
    prior = GaussianPrior(mean, std)
    given = Assignment(problem, prior, Size(32, 32), 1, values=method.values({}))
    total = torch.zeros(2)
    for seed in range(20):  # noise that is added where the photo has less
        *_, last = method.solver(given).solve(torch.Generator().manual_seed(seed), lambda: None)
        total += last.x0[0, :, :, [0, -1]].mean(dim=(0, 1)) / 20
    expected = std**2 / (std**2 + sigmas.square()) * y
    assert torch.allclose(total, expected, atol=0.01)


@pytest.mark.parametrize("sigma", [4, 10, 25])
def test_what_moves_through_a_textured_scene_leaves_no_ghost(sigma: float) -> None:
    """Where every further photo shows something else, the mean is no worse than the first photo."""
    generator = torch.Generator().manual_seed(3)
    clean = scene(192)
    area = (..., slice(48, 144), slice(48, 144))
    shots = []
    for k in range(6):
        seen = clean.clone()
        if k:
            seen[area] = clean.roll((31 * k, 47 * k), (-2, -1))[area]
        shots.append(seen + sigma / 127.5 * torch.randn(clean.shape, generator=generator))
    y, count, _ = averaged(Given(shots[0], others=tuple(shots[1:])))

    def error(image: torch.Tensor) -> float:
        return float((image - clean)[area].square().mean().sqrt())

    assert error(y) < 1.1 * error(shots[0])
    assert float(count[..., :40, :].mean()) > 5.7

