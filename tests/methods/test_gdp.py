"""GDP, step by step and to the end, against what its formulae give by hand."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from gdp_desktop.degradations.light_factor import LightFactor
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.prior import Denoised
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks import TASKS, published
from gdp_desktop.tasks.task import Given, Problem
from tests.gaussian_prior import GaussianPrior
from tests.methods.closed_form import (
    MEAN,
    STD,
    VALUES,
    AffineStep,
    flat,
    fresh_variance,
    gain,
    moments,
    posterior,
    result,
    solver_for,
)

FOUR = [method_id for method_id in METHODS if method_id.startswith("gdp-")]
FULL = Schedule.linear()
KAPPA = 0.0101725  # s = 4000 on photos of 256×256: 4000 / (2·3·256²)


class Gain(Degradation):
    """y = a·x"""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a * x


class Saying:
    """A prior that always answers the same."""

    schedule, stride, window, halo = FULL, 1, 64, 0

    def __init__(self, x0: float, i: int) -> None:
        self.x0, self.i = x0, i

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        x0 = torch.full_like(x_t, self.x0)
        return Denoised(x0, torch.full((1, 1, 1, 1), -200.0))


def test_there_are_four() -> None:
    assert FOUR == ["gdp-x0", "gdp-xt", "gdp-x0-sigma", "gdp-xt-sigma"]


@pytest.mark.parametrize("method_id", FOUR)
def test_one_step_by_hand(method_id: str) -> None:
    """t = 200, x_t = 0.5, x̃0 = 0.2, y = 0.4, D = 0.5·x.

    The mean is 0.00965·0.2 + 0.99014·0.5 = 0.49700 (the coefficients of the schedule's table).  At
    x̃0 the residual D(x) - y is -0.3, at x_t -0.15, and Dᵀ halves it.  Without Σ the step is
    κ = 0.01017; with Σ s = 250 000 makes it 0.63578·β/√α = 0.63578·0.004084/√(1 - 0.004084).
    """
    problem = flat(0.4, Gain(0.5), published=published.INPAINTING)
    solver = solver_for(method_id, problem, 1000)
    x_t = torch.full((1, 3, 48, 48), 0.5)
    generator = torch.Generator().manual_seed(0)
    x_prev = solver.step(Saying(0.2, 200), x_t, 200, generator)[1]
    residual = -0.3 if "x0" in method_id else -0.15
    step = 0.63578 * 0.0040924 if "sigma" in method_id else KAPPA
    assert float(x_prev.mean()) == pytest.approx(0.49700 - step * 0.5 * residual, abs=1e-5)
    assert float(x_prev.std()) < 1e-6


@pytest.mark.parametrize("constants", [None, published.INPAINTING], ids=["own", "published"])
@pytest.mark.parametrize("method_id", FOUR)
def test_a_step_lowers_what_is_wished_beside_the_photo(
    method_id: str, constants: published.Published | None
) -> None:
    """D(x) is y already, so nothing else pulls."""
    def wish(x: torch.Tensor) -> torch.Tensor:
        return 1e-3 * (x - 0.8).square().sum()

    x_t, after = torch.full((1, 3, 48, 48), 0.2), []
    for quality in ((), (wish,)):
        preset = constants and replace(constants, quality=quality)
        problem = flat(0.2, sigma_y=(1.0,), quality=quality, published=preset)
        solver = solver_for(method_id, problem, 1000)
        generator = torch.Generator().manual_seed(0)
        after.append(solver.step(Saying(0.2, 200), x_t, 200, generator)[1])
    assert float(wish(after[1])) < float(wish(after[0]))


def test_with_sigma_is_guidance_of_the_score() -> None:
    """ε' = ε - √(1-ᾱ)·g, x̃0' from ε' and the mean from x̃0': μ + β/√α·g."""
    problem = flat(0.4, published=published.INPAINTING)
    solver = solver_for("gdp-x0-sigma", problem, 1000)
    x_t = torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    for i in (1, 30, 500, 999):
        alpha_bar = float(FULL.alphas_cumprod[i])
        prior = Saying(0.2, i)
        ours = solver.step(prior, x_t, i, torch.Generator().manual_seed(0))[1]
        g = 250_000 / (2 * 3 * 256**2) * (0.4 - 0.2)
        eps = FULL.eps_from_x0(x_t.double(), torch.tensor(0.2).double(), i)
        guided = FULL.x0_from_eps(x_t.double(), eps - math.sqrt(1 - alpha_bar) * g, i)
        expected = FULL.q_posterior_mean(guided, x_t.double(), i)
        assert torch.allclose(ours.double(), expected, atol=1e-6)


def gdp_step(
    schedule: Schedule, i: int, *, y: float, kappa: float, at_x0: bool, with_sigma: bool
) -> AffineStep:
    """The scalar recursion for D = I, written from the formulae."""
    constant, slope = gain(schedule, i)
    beta = float(schedule.betas[i])
    step = min(1.0, kappa * (beta / math.sqrt(1 - beta) if with_sigma else 1000 / len(schedule)))
    c1, c2 = float(schedule.posterior_mean_coef1[i]), float(schedule.posterior_mean_coef2[i])
    at_constant, at_slope = (constant, slope) if at_x0 else (0.0, 1.0)
    return (
        c1 * slope + c2 - step * at_slope,
        c1 * constant - step * (at_constant - y),
        fresh_variance(schedule, i),
    )


def gdp_moments(method_id: str, steps: int, y: float, scale: float = 1.0) -> tuple[float, float]:
    with_sigma = "sigma" in method_id
    kappa = scale * (250_000 / (2 * 3 * 256**2) if with_sigma else KAPPA)
    step = partial(gdp_step, y=y, kappa=kappa, at_x0="x0" in method_id, with_sigma=with_sigma)
    return moments(FULL.evenly(steps), step)


@pytest.mark.parametrize("method_id", FOUR)
@pytest.mark.parametrize("steps", [250, 50])
def test_mean_and_spread_are_those_of_the_recursion(method_id: str, steps: int) -> None:
    found = result(method_id, flat(0.4, published=published.INPAINTING), steps)
    mean, std = gdp_moments(method_id, steps, 0.4)
    assert float(found.mean()) == pytest.approx(mean, abs=4 * std / math.sqrt(VALUES))
    assert float(found.std()) == pytest.approx(std, rel=0.03)


def test_known_deviation_the_photo_is_not_met_and_its_noise_plays_no_part() -> None:
    """The exact posterior of a noise-free y is y itself; GDP stops half-way, as if y were noisy."""
    means = {method_id: gdp_moments(method_id, 1000, 0.4)[0] for method_id in FOUR}
    half_way = posterior(0.4, STD)[0]
    assert means["gdp-x0"] == pytest.approx(half_way, abs=0.002)
    # On x_t the pull is weaker, and with Σ hardly anything is left of it at the end.
    assert means["gdp-x0"] > means["gdp-xt"] > 0.2 > 0.13 > means["gdp-x0-sigma"] > MEAN
    exact, noisy = (
        result("gdp-x0", flat(0.4, sigma_y=(sigma,), published=published.INPAINTING), 50)
        for sigma in (0.0, 0.2)
    )
    assert torch.equal(exact, noisy)


def test_a_stronger_pull_meets_the_photo() -> None:
    mean, std = gdp_moments("gdp-x0", 1000, 0.4, scale=20)
    assert mean == pytest.approx(0.4, abs=0.02) and std < 0.05
    found = result("gdp-x0", flat(0.4, published=published.INPAINTING), 250, scale=5)
    assert float(found.mean()) == pytest.approx(mean, abs=0.01)


def test_known_deviation_fewer_steps_are_less_diverse() -> None:
    spreads = [gdp_moments("gdp-x0", steps, 0.4)[1] for steps in (1000, 100, 20)]
    assert spreads == sorted(spreads, reverse=True) and spreads[2] < 0.2 * spreads[0]


# The steps' length: as published at 256×256 and 1000 steps, whatever the photo's size.

@pytest.mark.parametrize(("preset", "degradation", "contraction", "with_sigma"), [
    (published.SUPER_RESOLUTION, BlockMean(4), 0.00509, 0.636),
    (published.DEBLURRING, Degradation(), 0.01626, 0.813),
    (published.INPAINTING, Degradation(), 0.01017, 0.636),
])
def test_contraction_is_as_published(preset, degradation, contraction, with_sigma) -> None:
    y = degradation(torch.zeros(1, 3, 48, 48))
    problem = Problem(y, degradation, (0.0,), published=preset)
    for method_id, expected in (("gdp-x0", contraction), ("gdp-x0-sigma", with_sigma)):
        solver = solver_for(method_id, problem, 1000)
        solver.data.look(solver.degraded, solver.y, torch.zeros(1, 3, 48, 48))
        if "sigma" in method_id:
            expected *= float(FULL.betas[500] / (1 - FULL.betas[500]).sqrt())
        found = solver.step_length(500) * solver.data.curvature
        assert found == pytest.approx(expected, rel=0.02)


def test_fewer_steps_are_longer_but_never_overshoot() -> None:
    problem = flat(0.4, Gain(2.0), published=published.INPAINTING)
    for steps, length in ((1000, KAPPA), (100, 10 * KAPPA), (20, 0.25), (5, 0.25)):
        solver = solver_for("gdp-x0", problem, steps)
        solver.data.look(solver.degraded, solver.y, torch.zeros(1, 3, 48, 48))
        assert solver.step_length(0) == pytest.approx(length, rel=1e-3)


@pytest.mark.parametrize("a", [0.05, 1.0, 7.0])
def test_without_a_published_scale_the_pull_is_the_same_for_every_gain(a: float) -> None:
    """y = a·x is the same knowledge whatever a is."""
    found = result("gdp-x0", flat(a * 0.4, Gain(a)), 50, seed=3)
    assert torch.allclose(found, result("gdp-x0", flat(0.4, Gain(1.0)), 50, seed=3), atol=1e-3)


# Low light as published: y = f·x + M on encoded values, f and M learned in the loop.

def test_the_light_factor_is_found_and_stays_positive() -> None:
    """A step takes f to its least-squares value by the factor 1 - 2·mean(u²)."""
    generator = torch.Generator().manual_seed(0)
    u = torch.rand(1, 3, 16, 16, generator=generator)
    dark = 2 * 0.15 * u - 1
    learned = LightFactor.exposed(dark, 0.2)
    start = float(learned.factor)
    learned.fit(2 * u - 1, dark)
    remaining = 1 - 2 * float(u.square().mean())
    assert float(learned.factor) - 0.15 == pytest.approx(remaining * (start - 0.15), abs=1e-4)
    for _ in range(30):
        learned.fit(2 * u - 1, dark)
    assert learned.estimate()["light_factor"] == pytest.approx(0.15, abs=1e-3)
    assert abs(float(learned.offset.abs().max())) < 1e-4  # M hardly moves
    for _ in range(5):
        learned.fit(2 * u - 1, torch.full_like(u, -1))
    assert float(learned.factor) > 0


def test_gdp_explains_a_dark_photo_by_its_factor() -> None:
    size = Size(32, 32)
    generator = torch.Generator().manual_seed(0)
    u = 0.5 + 0.2 * torch.rand(1, 3, 32, 32, generator=generator)
    dark = 2 * 0.2 * u - 1
    degradation = LightFactor.exposed(dark, 0.4)
    problem = Problem(dark, degradation, (0.0,), published=published.LOW_LIGHT)
    solver = METHODS["gdp-x0"].solver(
        Assignment(problem, GaussianPrior(0.2, 0.2, window=32), size, 250)
    )
    found = list(solver.solve(torch.Generator().manual_seed(0), lambda: None))[-1].x0
    assert degradation.estimate()["light_factor"] == pytest.approx(0.2, abs=0.01)
    assert float((degradation(found) - dark).square().mean().sqrt()) < 0.05
    # The published step, s = 160 000 times f on the gradient of f·x, contracts by 0.407·f².
    solver.data.look(solver.degraded, solver.y, found)
    contraction = solver.step_length(0) * solver.data.curvature
    assert contraction == pytest.approx(4 * 0.407 * 0.2**2, rel=0.1)


def test_low_light_can_be_posed_as_published() -> None:
    task = TASKS["low-light"]
    dark = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.3 - 1
    with torch.no_grad():
        problem = task.pose(Given(dark), task.values({"light": "gdp"}))
    assert isinstance(problem.degradation, LightFactor)
    assert problem.published is published.LOW_LIGHT
    assert task.pose(Given(dark), task.values({})).published is None
