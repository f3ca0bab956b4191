"""DPS against its scalar recursion, and what is known to be wrong with it."""

import math

import pytest
import torch

from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.methods import METHODS
from tests.methods.closed_form import (
    MEAN,
    SIZE,
    STD,
    VALUES,
    flat,
    fresh_variance,
    gain,
    posterior,
    result,
    solver_for,
)

FULL = Schedule.linear()


def dps_moments(steps: int, y: float, zeta: float = 0.3) -> tuple[float, float]:
    """Mean and standard deviation for D = I, a step of ζ·g·(x̃0 - y)/‖x̃0 - y‖ with g = ∂x̃0/∂x_t.

    Over many values the norm is as good as its expectation.
    """
    schedule = FULL.evenly(steps)
    zeta *= math.sqrt(SIZE.width * SIZE.height) / 256 * 1000 / steps
    mean, variance = 0.0, 1.0
    for i in reversed(range(steps)):
        constant, slope = gain(schedule, i)
        misfit = math.sqrt(
            VALUES * ((constant + slope * mean - y) ** 2 + slope**2 * variance)
        )
        length = min(zeta / misfit, 1.0)
        c1, c2 = float(schedule.posterior_mean_coef1[i]), float(schedule.posterior_mean_coef2[i])
        factor = c1 * slope + c2 - length * slope**2
        mean = c1 * constant - length * slope * (constant - y) + factor * mean
        variance = factor**2 * variance + fresh_variance(schedule, i)
    return mean, math.sqrt(variance)


def test_one_step_by_hand() -> None:
    """At t = 200 with the prior N(0.1, 0.15²): ᾱ = 0.6563470, so g = 0.0225·0.810153 / (0.0225·
    0.656347 + 0.343653) = 0.0508565 and x̃0 = 0.1 + g·(0.5 - 0.0810153) = 0.1213081.  The misfit to
    0.4 is the same everywhere, its norm √6912 times that, and the norm's gradient -g/√6912."""
    problem = flat(0.4)
    solver = solver_for("dps", problem, 1000)
    x_t = torch.full((1, 3, 48, 48), 0.5)
    prior = solver.tiled_prior(lambda: None)
    free = solver_for("dps", problem, 1000, step=0.0)
    pulled, left_alone = (
        solved.step(prior, x_t, 200, torch.Generator().manual_seed(0))[1]
        for solved in (solver, free)
    )
    step = 0.3 * 48 / 256 * 0.0508565 / math.sqrt(VALUES)
    assert torch.allclose(pulled - left_alone, torch.full_like(x_t, step), atol=1e-6)


@pytest.mark.parametrize("steps", [250, 50])
def test_mean_and_spread_are_those_of_the_recursion(steps: int) -> None:
    found = result("dps", flat(0.4), steps)
    mean, std = dps_moments(steps, 0.4)
    assert float(found.mean()) == pytest.approx(mean, abs=5 * std / math.sqrt(VALUES))
    assert float(found.std()) == pytest.approx(std, rel=0.04)


def exact_spread_at(mean: float, y: float) -> float:
    """The spread of the exact posterior for a noise of y with which it has this mean."""
    share = (mean - MEAN) / (y - MEAN)
    return posterior(y, STD * math.sqrt(1 / share - 1))[1]


def test_known_deviation_it_is_no_posterior() -> None:
    """Whatever the noise of y, there is no step with which mean and spread are both right: the
    published one hardly leaves the prior where every value is measured, a long one collapses."""
    assert dps_moments(1000, 0.4)[0] == pytest.approx(0.121, abs=0.001)
    for zeta in (0.3, 1.0, 2.0):
        mean, std = dps_moments(1000, 0.4, zeta)
        assert std < 0.97 * exact_spread_at(mean, 0.4)
    mean, std = dps_moments(1000, 0.4, 5.0)
    assert mean == pytest.approx(0.4, abs=1e-3) and std < 1e-3 < 0.08 < posterior(0.4, 0.1)[1]


def test_counts_both_ways_through_the_network() -> None:
    solver = solver_for("dps", flat(0.4), 7)
    heard = 0

    def window_done() -> None:
        nonlocal heard
        heard += 1

    list(solver.solve(torch.Generator().manual_seed(0), window_done))
    assert heard == solver.total_windows == 14


def test_is_for_experts() -> None:
    assert METHODS["dps"].expert and METHODS["dps"].default_steps == 1000
