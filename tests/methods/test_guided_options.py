"""The ideas that are to be compared: each does what its name says, checked where that is exact."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.light_factor import LightFactor
from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.dpm2m import MultiStep
from gdp_desktop.methods.levels import halvings
from gdp_desktop.methods.method import Assignment, Solver
from gdp_desktop.methods.pyramid import Pyramid
from gdp_desktop.methods.wavelet import Wavelet
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior

MEAN, STD, SIDE = 0.1, 0.3, 64
PRIOR = GaussianPrior(MEAN, STD, window=SIDE)
NOTHING_KNOWN = Problem(
    y=torch.zeros(1, 3, 8, 8), degradation=Masking(torch.zeros(1, 1, 8, 8)), sigma_y=(0.1,),
    zeta=0.0,
)


def solver(method_id: str, problem: Problem, side: int, steps: int, **values: float) -> Solver:
    method = method_named(method_id)
    return method.solver(Assignment(
        problem, PRIOR, Size(side, side), steps, values=method.values(values)
    ))


def picture(side: int = SIDE) -> torch.Tensor:
    """Of less spread than the prior's, so that nothing is clamped."""
    return MEAN + 0.15 * torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("steps", [5, 20, 100])
def test_karras_and_strided_steps(steps: int) -> None:
    whole = Schedule.linear()
    karras, strided = whole.karras(steps), whole.strided(steps)
    assert len(karras) == len(strided) == steps
    assert int(karras.timesteps[-1]) == 999 and int(karras.timesteps[0]) == 0
    assert strided.timesteps.tolist() == list(range(0, 1000, 1000 // steps))
    if steps == 20:
        roots = karras.sigmas ** (1 / 7)
        hops = roots.diff()
        assert float(hops.max() / hops.min()) < 1.6  # near 0 there is not a step for every σ
    assert len(whole.karras(30, 10)) == 11 and len(whole.karras(1, 400)) == 1


def flow(steps: int, method_id: str) -> float:
    """RMS error of the deterministic process, whose end is known: (x - m) shrinks like
    √(s² + σ²)."""
    given = solver(method_id, NOTHING_KNOWN, 8, steps, start=160)
    start = given.start(torch.Generator().manual_seed(3))  # type: ignore[attr-defined]
    schedule = given.schedule  # type: ignore[attr-defined]
    sigma, alpha = float(schedule.sigmas[-1]), float(schedule.alphas_cumprod[-1]) ** 0.5
    end = MEAN + (start / alpha - MEAN) * STD / (STD**2 + sigma**2) ** 0.5
    found = list(given.solve(torch.Generator().manual_seed(3), lambda: None))[-1].x0
    return float((found - end).square().mean().sqrt())


def test_the_second_order_solver_is_of_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the steps, a quarter of the error; half without the look at the step before."""
    second = [flow(n, "dpm2m") for n in (20, 80)]
    step = MultiStep.step

    def forgetful(self: MultiStep, *words) -> tuple[torch.Tensor, torch.Tensor]:
        self.before = None
        return step(self, *words)

    monkeypatch.setattr(MultiStep, "step", forgetful)
    first = [flow(n, "dpm2m") for n in (20, 80)]
    assert first[0] / first[1] == pytest.approx(4, rel=0.15)
    assert second[0] / second[1] > 12 and second[0] < 0.5 * first[0]


def test_the_pyramid_begins_small_and_ends_large() -> None:
    y = picture(128)
    problem = Problem(y=y, degradation=Degradation(), sigma_y=(0.1,))
    given = solver("pyramid", problem, 128, 8)
    assert isinstance(given, Pyramid)
    found = list(given.solve(torch.Generator().manual_seed(0), lambda: None))
    assert [e.x0.shape[-1] for e in found] == [32, 32, 64, 64, *[128] * 5]
    assert [e.level for e in found] == [2, 2, 1, 1, *[0] * 5] and found[-1].is_result
    # 128 pixels are nine windows of 64, 64 and fewer are one.
    assert given.total_windows == 4 + 4 * len(given.tiler.windows(Size(128, 128)))
    # A draw from the posterior, with no more than its spread.
    precision = 1 / STD**2 + 1 / 0.01
    posterior = (MEAN / STD**2 + y / 0.01) / precision
    assert float((found[-1].x0 - posterior).square().mean().sqrt()) < precision**-0.5


def test_the_pyramid_stops_where_the_prior_does() -> None:
    assert halvings(Size(128, 128), 8) == 2 and halvings(Size(128, 72), 8) == 0
    assert halvings(Size(512, 256), 8) == 3 and halvings(Size(64, 64), 1) == 1


@pytest.mark.parametrize("problem", [
    Problem(y=picture() + 0.3, degradation=Degradation(), sigma_y=(0.1,)),
    Problem(y=BlockMean(4)(picture()) + 0.3, degradation=BlockMean(4), sigma_y=(0.1, 0.1, 0.1)),
], ids=["denoise", "enlarge"])
def test_the_wavelet_leaves_the_high_bands_to_the_prior(problem: Problem) -> None:
    given = solver("wavelet", problem, SIDE, 4, levels=1)
    assert isinstance(given, Wavelet)
    prior, x_t = PRIOR.respaced(given.schedule), picture()
    own, guided = prior(x_t, 2).x0, given.guided(prior, x_t, 2)
    shift = guided - own
    block = F.avg_pool2d(shift, 2)
    assert torch.allclose(shift, F.interpolate(block, scale_factor=2.0), atol=1e-5)
    assert float(block.mean()) > 0.01  # towards y, which is brighter


def test_the_wavelet_is_exact_for_white_values() -> None:
    y = picture()
    problem = Problem(y=y, degradation=Degradation(), sigma_y=(0.1,))
    given = solver("wavelet", problem, SIDE, 4, levels=1)
    prior = PRIOR.respaced(given.schedule)  # type: ignore[attr-defined]
    x_t = picture()
    r, band = prior.x0_std(1) / 2, F.avg_pool2d(prior(x_t, 1).x0, 2)
    exact = (band / r**2 + F.avg_pool2d(y, 2) / 0.05**2) / (1 / r**2 + 1 / 0.05**2)
    found = F.avg_pool2d(given.guided(prior, x_t, 1), 2)  # type: ignore[attr-defined]
    assert torch.allclose(found, exact.clamp(-1, 1), atol=1e-2)


@pytest.mark.parametrize("method_id", ["pyramid", "wavelet"])
def test_what_was_learned_of_a_small_copy_is_reported(method_id: str) -> None:
    y = 0.2 * picture() - 0.8
    problem = Problem(y=y, degradation=LightFactor.exposed(y, 0.3), sigma_y=(0.1,))
    before = problem.degradation.estimate()["light_factor"]
    given = solver(method_id, problem, SIDE, 4)
    *_, last = given.solve(torch.Generator().manual_seed(0), lambda: None)
    assert isinstance(given, Pyramid | Wavelet) and last.is_result
    small = given.level_at(3) if isinstance(given, Pyramid) else given.low
    learned = small.degradation.estimate()["light_factor"]
    assert problem.degradation.estimate()["light_factor"] == learned != before


def test_with_a_boundary_the_seed_plays_no_part() -> None:
    method = method_named("boundary")
    given = Assignment(NOTHING_KNOWN, PRIOR, Size(8, 8), 5, values=method.values({}))

    def result(seed: int, boundary: Boundary | None) -> torch.Tensor:
        solving = method.solver(
            Assignment(**{**given.__dict__, "boundary": boundary})
        ).solve(torch.Generator().manual_seed(seed), lambda: None)
        return list(solving)[-1].x0

    assert torch.equal(result(1, Boundary(7, 8)), result(2, Boundary(7, 8)))
    assert not torch.equal(result(1, Boundary(7, 8)), result(1, Boundary(8, 8)))
    assert not torch.equal(result(1, None), result(2, None))
