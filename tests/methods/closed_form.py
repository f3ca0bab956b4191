"""A problem with known answers: independent values N(MEAN, STD²), seen through y = D(x)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.method import Assignment
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior

MEAN, STD = 0.1, 0.15
SIZE = Size(48, 48)
VALUES = 3 * 48 * 48
PRIOR = GaussianPrior(MEAN, STD, window=48)

# (coefficient of x_t, constant, variance of the fresh noise) of one affine step x_t -> x_{t-1}.
AffineStep = tuple[float, float, float]


def flat(value: float, degradation: Degradation | None = None, **changed) -> Problem:
    """Every value of y is ``value``, so the values of a result are samples of one distribution."""
    y = torch.full((1, 3, *SIZE.shape), value)
    return Problem(y, degradation or Degradation(), **({"sigma_y": (0.0,)} | changed))


def solver_for(method_id: str, problem: Problem, steps: int, **values) -> ReverseProcess:
    method = method_named(method_id)
    given = Assignment(problem, PRIOR, SIZE, steps, values=method.values(values))
    solver = method.solver(given)
    assert isinstance(solver, ReverseProcess)
    return solver


def result(method_id: str, problem: Problem, steps: int, seed: int = 0, **values) -> torch.Tensor:
    solver = solver_for(method_id, problem, steps, **values)
    return list(solver.solve(torch.Generator().manual_seed(seed), lambda: None))[-1].x0


def gain(schedule: Schedule, i: int) -> tuple[float, float]:
    """(constant, coefficient) of E[x0 | x_t] as a function of x_t."""
    alpha_bar = float(schedule.alphas_cumprod[i])
    slope = STD**2 * alpha_bar**0.5 / (STD**2 * alpha_bar + 1 - alpha_bar)
    return MEAN * (1 - slope * alpha_bar**0.5), slope


def fresh_variance(schedule: Schedule, i: int) -> float:
    return float(schedule.posterior_log_variance_clipped[i].exp()) if i > 0 else 0.0


def moments(
    schedule: Schedule, step: Callable[[Schedule, int], AffineStep]
) -> tuple[float, float]:
    """Mean and standard deviation of one value after all steps from N(0, 1)."""
    mean, variance = 0.0, 1.0
    for i in reversed(range(len(schedule))):
        slope, constant, fresh = step(schedule, i)
        mean, variance = constant + slope * mean, slope**2 * variance + fresh
    return mean, math.sqrt(variance)


def posterior(y: float, sigma_y: float) -> tuple[float, float]:
    """The exact mean and standard deviation of x given y = x + noise of sigma_y."""
    share = STD**2 / (STD**2 + sigma_y**2)
    return MEAN + share * (y - MEAN), math.sqrt(share) * sigma_y
