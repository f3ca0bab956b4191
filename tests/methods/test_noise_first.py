"""Noise first: a photo that is noisy and something else besides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.resampling import block_mean
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.method import Assignment, Method, result_of
from gdp_desktop.methods.noise_first import NoiseFirst, solver_for
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Given, Problem
from tests.gaussian_prior import GaussianPrior

SIDE = 64
NOISE = 8 / 127.5


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("", "cpu").prior


def picture(side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, side // 8, side // 8, generator=generator) - 0.5
    return F.interpolate(coarse, size=(side, side), mode="nearest")


def noisy(y: torch.Tensor) -> torch.Tensor:
    return y + NOISE * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))


def assignment(task: str, y: torch.Tensor, prior: Prior, **values: float) -> Assignment:
    chosen = task_named(task)
    checked = chosen.values(values)
    problem = chosen.pose(Given(y), checked)
    scale = chosen.scale(checked)
    return Assignment(problem, prior, Size(y.shape[-1] * scale, y.shape[-2] * scale), 4)


def takes_a_blur(method: Method) -> bool:
    blur = Problem(picture(), Blur(gaussian_kernel(1.0)), (1 / 127.5,))
    return method.refusal(blur) is None


@pytest.mark.parametrize("method", [
    method for method in METHODS.values()
    if not method.goes_back and not method.uses_boundary and takes_a_blur(method)
], ids=lambda method: method.id)
def test_every_method_gets_the_photo_without_its_noise(method: Method) -> None:
    """As if the photo had been given to it as the prior sees it."""
    prior = GaussianPrior(0.0, 0.3)
    given = assignment("deblurring", noisy(picture()), prior, noise=8, radius=1.0)
    # Of exactly a step's noise the photo needs no more to start from.
    step = prior.schedule.step_at(NOISE)
    problem = replace(given.problem, noise_first=prior.schedule.sigma(step))
    given = replace(given, problem=problem, values=method.values({}))
    clean = prior(prior.schedule.alpha(step) * problem.y, step).x0
    without = replace(given, problem=replace(problem, y=clean, noise_first=0.0))
    first, then = solver_for(method, given), solver_for(method, without)
    assert isinstance(first, NoiseFirst) and not isinstance(then, NoiseFirst)
    assert torch.allclose(result_of(first, 3), result_of(then, 3), atol=1e-3)
    assert first.total_windows > then.total_windows and first.total_pixels > then.total_pixels


def test_every_window_is_counted(prior: Prior) -> None:
    given = assignment("super-resolution", noisy(picture()), prior, noise=8, scale=2)
    solver, done = solver_for(method_named("adaptive"), given), []
    result_of(solver, 0, lambda: done.append(None))
    assert len(done) == solver.total_windows


@pytest.mark.parametrize(("task", "damaged", "values"), [
    ("deblurring", Blur(gaussian_kernel(1.5)), {"radius": 1.5}),
    ("super-resolution", lambda x: block_mean(x, 2), {"scale": 2}),
], ids=["deblurring", "super-resolution"])
def test_it_brings_back_more_than_matching_less_strictly(task, damaged, values, prior) -> None:
    x = picture(128)
    given = assignment(task, noisy(damaged(x)), prior, noise=8, **values)
    gentler: Problem = replace(
        given.problem, noise_first=0.0, sigma_y=(NOISE,) * len(given.problem.sigma_y)
    )

    def error(problem: Problem) -> float:
        solver = solver_for(method_named("adaptive"), replace(given, problem=problem))
        return float((result_of(solver, 0) - x).square().mean())

    # At least a decibel.
    assert error(given.problem) < 0.8 * error(gentler)
