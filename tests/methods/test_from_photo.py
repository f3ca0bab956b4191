"""Starting from the photo: exact where the answer is known, and what each choice does."""

import math

import pytest
import torch

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Given
from tests.gaussian_prior import GaussianPrior
from tests.methods.closed_form import (
    MEAN,
    STD,
    VALUES,
    AffineStep,
    flat,
    fresh_variance,
    gain,
    posterior,
    result,
    solver_for,
)

FULL = Schedule.linear()
LEVELS = [40, 150, 300]  # steps whose noise the photo has


def noisy(i: int, y: float = 0.4):
    """A flat photo whose noise is that of step i."""
    return flat(y, sigma_y=(float(FULL.sigmas[i]),), start_sigma=None)


@pytest.mark.parametrize("i", LEVELS)
@pytest.mark.parametrize("photo", ["kept", "free"])
def test_one_step_at_the_photos_own_noise_is_the_posterior_mean(i: int, photo: str) -> None:
    solver = solver_for("from-photo", noisy(i), 1)
    assert solver.schedule.timesteps.tolist() == [i]
    found = result("from-photo", noisy(i), 1, photo=photo)
    expected = posterior(0.4, float(FULL.sigmas[i]))[0]
    assert torch.allclose(found, torch.tensor(expected), atol=1e-5)


def test_one_step_is_the_posterior_mean_for_any_noise_up_to_the_schedules_grain() -> None:
    for sigma in (0.05, 0.1, 0.33):
        found = result("from-photo", flat(0.4, sigma_y=(sigma,), start_sigma=None), 1)
        assert float(found.mean()) == pytest.approx(posterior(0.4, sigma)[0], abs=0.003)


def ancestral(schedule: Schedule, i: int) -> AffineStep:
    constant, slope = gain(schedule, i)
    c1, c2 = float(schedule.posterior_mean_coef1[i]), float(schedule.posterior_mean_coef2[i])
    return c1 * slope + c2, c1 * constant, fresh_variance(schedule, i)


@pytest.mark.parametrize("i", LEVELS)
def test_fresh_noise_draws_from_the_posterior(i: int) -> None:
    """The variance β̃ of a step is a little small, so the spread is too; that is all that is off."""
    sigma = float(FULL.sigmas[i])
    schedule = solver_for("from-photo", noisy(i), i + 1).schedule
    assert len(schedule) == i + 1
    mean, variance = math.sqrt(float(FULL.alphas_cumprod[i])) * 0.4, 0.0
    for k in reversed(range(i + 1)):
        slope, constant, fresh = ancestral(schedule, k)
        mean, variance = constant + slope * mean, slope**2 * variance + fresh
    exact_mean, exact_std = posterior(0.4, sigma)
    found = result("from-photo", noisy(i), i + 1, noise="fresh", photo="free")
    assert float(found.mean()) == pytest.approx(mean, abs=5 * exact_std / math.sqrt(VALUES))
    assert float(found.std()) == pytest.approx(math.sqrt(variance), rel=0.03)
    assert mean == pytest.approx(exact_mean, abs=1e-4)
    assert 0.9 * exact_std < math.sqrt(variance) < exact_std


def test_straight_on_follows_the_flow_and_ends_off_the_mean() -> None:
    """Many deterministic steps transport x_t to a sample's quantile, and not to the mean: values of
    N(m, s² + σ²) become values of N(m, s²)."""
    i = 150
    sigma = float(FULL.sigmas[i])
    found = float(result("from-photo", noisy(i), 100, photo="free").mean())
    quantile = MEAN + STD / math.hypot(STD, sigma) * (0.4 - MEAN)
    assert found == pytest.approx(quantile, abs=0.01)
    assert abs(found - posterior(0.4, sigma)[0]) > 0.05


@pytest.mark.parametrize("strength", [0.1, 0.4, 1.0])
def test_strength_is_the_share_of_the_process(strength: float) -> None:
    solver = solver_for("from-photo", flat(0.4), 5, strength=strength)
    assert int(solver.schedule.timesteps[-1]) == round(strength * 999)
    x_t = solver.start(torch.Generator().manual_seed(0))
    alpha_bar = float(solver.schedule.alphas_cumprod[-1])
    assert float(x_t.mean()) == pytest.approx(math.sqrt(alpha_bar) * 0.4, abs=0.05)
    assert float(x_t.std()) == pytest.approx(math.sqrt(1 - alpha_bar), rel=0.03)


def test_the_photos_noise_is_part_of_the_first_states() -> None:
    """The photo is flat here, so what spreads in x_t is the added noise alone."""
    sigma = float(FULL.sigmas[200])
    solver = solver_for("from-photo", flat(0.4, sigma_y=(sigma,)), 5, strength=0.5)
    sigma_t = float(solver.schedule.sigmas[-1])
    alpha = math.sqrt(float(solver.schedule.alphas_cumprod[-1]))
    x_t = solver.start(torch.Generator().manual_seed(0))
    added = math.sqrt(sigma_t**2 - sigma**2)
    assert float(x_t.std()) == pytest.approx(alpha * added, rel=0.03)


@pytest.mark.parametrize("parts", [("dark", "shrink"), ("shrink", "dark")], ids="+".join)
def test_noise_from_place_to_place_goes_with_a_smaller_photo(parts: tuple[str, str]) -> None:
    """What of the photo is news is said of the photo's own, larger pixels."""
    task, method = task_named("mixed"), METHODS["from-photo"]
    y = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(0)) - 0.9
    with torch.no_grad():
        problem = task.pose(Given(y), task.values({"first": parts[0], "second": parts[1]}))
        solver = method.solver(Assignment(
            problem, GaussianPrior(-0.4, 0.3), Size(80, 48), 2, None, values=method.values({}),
        ))
        *_, last = solver.solve(torch.Generator().manual_seed(0), lambda: None)
    assert last.is_result and last.x0.shape == (1, 3, 48, 80)
    assert bool(torch.isfinite(last.x0).all())


def test_stronger_and_freer_go_further_from_the_photo() -> None:
    def distance(**values) -> float:
        return float((result("from-photo", flat(0.4), 20, **values) - 0.4).square().mean().sqrt())

    free = [distance(strength=strength, photo="free") for strength in (0.01, 0.2, 0.8)]
    assert free == sorted(free) and free[0] < 0.06 and free[2] > 0.2
    assert distance(strength=0.8, photo="kept") < 0.01


def test_what_is_told_alike_everywhere_is_a_number() -> None:
    """The exact preconditioner of a blur needs one precision for all of the photo."""
    blur = Blur(gaussian_kernel(1.5))
    problem = flat(0.4, blur, sigma_y=(0.02,), start_sigma=0.3)
    guidance = solver_for("from-photo", problem, 4).guidance
    assert guidance is not None and isinstance(guidance.measurements[0].precision, float)
