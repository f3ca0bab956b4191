"""BIR-D: its scale by hand, and a known kernel that it is not told."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import fitted_into, motion_kernel
from gdp_desktop.diffusion.prior import Denoised
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS
from gdp_desktop.methods.bir_d import PUBLISHED_MASK_START, BlindRestoration, SmoothVeil
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior
from tests.methods.closed_form import flat, solver_for

SIDE, TAPS, STEPS = 48, 9, 150


@dataclass(frozen=True)
class AroundAPicture(GaussianPrior):
    """Photos whose values are independent N(picture, std²): knows what is seen, not how blurred."""

    mean: torch.Tensor
    window: int = SIDE

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        found = super().__call__(x_t, i)
        return replace(found, x0=found.x0.clamp(-1, 1))

    def x0_std(self, i: int) -> float:
        return self.std


def blocks() -> torch.Tensor:
    """Rectangles of many sizes and greys."""
    generator = torch.Generator().manual_seed(3)
    picture = torch.zeros(1, 3, SIDE, SIDE)
    for _ in range(60):
        top, left, height, width = torch.randint(2, SIDE // 3, (4,), generator=generator).tolist()
        top, left = 2 * top, 2 * left
        grey = 1.6 * torch.rand(1, 3, 1, 1, generator=generator) - 0.8
        picture[..., top : top + height, left : left + width] = grey
    return picture


def distance(kernel: torch.Tensor, true: torch.Tensor) -> float:
    """Half the sum of absolute differences: the share of the light that lands elsewhere."""
    return 0.5 * float((kernel.double() - fitted_into(true, TAPS)).abs().sum())


def blind(kernel: str, true: torch.Tensor) -> tuple[BlindBlur, torch.Tensor, float]:
    """What was learned, the result, and how far off the kernel was at the start."""
    picture = blocks()
    y = Blur(true)(picture)
    degradation = BlindBlur(TAPS)
    start = distance(degradation.kernel, true)
    problem = Problem(y, degradation, (0.0,))
    method = METHODS["bir-d"]
    solver = method.solver(Assignment(
        problem, AroundAPicture(picture, 0.1), Size(SIDE, SIDE), STEPS,
        values=method.values({"kernel": kernel}),
    ))
    found = list(solver.solve(torch.Generator().manual_seed(0), lambda: None))[-1].x0
    return degradation, found, start


@pytest.mark.parametrize(("length", "angle"), [(5, 0), (6, 40)])
def test_a_movement_is_recovered(length: float, angle: float) -> None:
    true = motion_kernel(length, angle)
    learned, found, start = blind("simplex", true)
    assert start > 0.4
    assert distance(learned.kernel, true) < 0.2
    assert float(learned.kernel.min()) >= 0
    assert float(learned.kernel.sum()) == pytest.approx(1, abs=1e-5)
    off = learned.estimate()["blur_angle"] - angle
    assert abs((off + 90) % 180 - 90) < 8
    assert float((found - blocks()).square().mean().sqrt()) < 0.1


def test_as_published_the_kernel_moves_the_right_way_but_hardly() -> None:
    true = motion_kernel(5, 0)
    learned, _, start = blind("paper", true)
    end = distance(learned.kernel, true)
    assert 0.9 * start < end < start


def test_as_published_every_channel_has_a_kernel_of_its_own() -> None:
    """Red moved, green and blue did not: the kernels come apart, and D uses each for its own."""
    still, moved = torch.ones(1, 1), motion_kernel(5, 0)
    picture = blocks()
    y = torch.cat([Blur(moved)(picture[:, :1]), Blur(still)(picture[:, 1:])], dim=1)
    degradation = BlindBlur(TAPS)
    method = METHODS["bir-d"]
    solver = method.solver(Assignment(
        Problem(y, degradation, (0.0,)), AroundAPicture(picture, 0.1), Size(SIDE, SIDE), STEPS,
        values=method.values({"kernel": "paper"}),
    ))
    assert isinstance(solver, BlindRestoration)
    list(solver.solve(torch.Generator().manual_seed(0), lambda: None))
    assert solver.kernels is not None
    red, green, _ = solver.kernels
    middle = TAPS // 2
    assert float(green[middle, middle]) > float(red[middle, middle])
    assert float(red[middle, middle + 2]) > float(green[middle, middle + 2])
    assert distance(red, moved) < distance(green, moved)
    assert torch.allclose(degradation.kernel, solver.kernels.mean(dim=0))
    reflected = solver.degraded(picture)
    for channel, kernel in enumerate(solver.kernels):
        alone = Blur(kernel)(picture[:, channel : channel + 1])
        torch.testing.assert_close(reflected[:, channel : channel + 1], alone, rtol=0, atol=1e-5)


def masked(kind: str, veil: torch.Tensor) -> BlindRestoration:
    """After a run on blocks that were blurred, and veiled with light."""
    picture, true = blocks(), motion_kernel(5, 0)
    method = METHODS["bir-d"]
    solver = method.solver(Assignment(
        Problem(Blur(true)(picture) + veil, Blur(true), (0.0,)), AroundAPicture(picture, 0.1),
        Size(SIDE, SIDE), STEPS, values=method.values({"mask": kind}),
    ))
    assert isinstance(solver, BlindRestoration)
    list(solver.solve(torch.Generator().manual_seed(0), lambda: None))
    return solver


def test_a_smooth_veil_is_recovered() -> None:
    veil = (0.3 * torch.linspace(0, 1, SIDE)).expand(1, 3, SIDE, SIDE)
    solver = masked("smooth", veil)
    assert isinstance(solver.veil, SmoothVeil)
    found = solver.veil.over(veil)
    assert float((found - veil).square().mean().sqrt()) < 0.2 * float(veil.square().mean().sqrt())
    without = masked("none", veil)
    assert float(solver.data.residual.square().mean()) < float(
        without.data.residual.square().mean())


def test_as_published_the_veil_moves_the_right_way_but_hardly() -> None:
    veil = torch.full((1, 3, SIDE, SIDE), 0.2)
    found = masked("paper", veil).veil.values
    assert found.shape == veil.shape
    start = 2 * PUBLISHED_MASK_START
    grown = found - start * torch.rand(veil.shape, generator=torch.Generator().manual_seed(0))
    assert 0 < float(grown.mean()) < 0.1 * 0.2


def test_a_known_degradation_stays_as_it_is() -> None:
    true = motion_kernel(5, 0)
    problem = Problem(Blur(true)(blocks()), Blur(true), (0.0,))
    method = METHODS["bir-d"]
    solver = method.solver(Assignment(
        problem, AroundAPicture(blocks(), 0.1), Size(SIDE, SIDE), 20, values=method.values({})
    ))
    before = problem.degradation.kernel.clone()
    list(solver.solve(torch.Generator().manual_seed(0), lambda: None))
    assert torch.equal(problem.degradation.kernel, before)


def test_the_scale_by_hand() -> None:
    """One value everywhere: y = 0.4, x_t = 0.5, μ = 0.2, noise 0.01, shift -0.002, log-variance -5,
    and D(x̃0) = 0.3; N = 196 608.  At first log K has the spread 1."""
    solver = solver_for("bir-d", flat(0.4), 1000)
    assert isinstance(solver, BlindRestoration)
    shape = (1, 3, 48, 48)
    solver.data.look(solver.degraded, solver.y, torch.full(shape, 0.3))
    solver.look_back(
        torch.full(shape, 0.5), torch.full(shape, -0.002), torch.full(shape, 0.2),
        torch.full(shape, 0.01), torch.full((1, 1, 1, 1), -5.0),
    )
    n = 196_608
    log_k = -0.5 * n * 0.1**2 - 0.5 * math.log(2 * math.pi * n)
    c = -0.5 * n * (0.2 / 5) ** 2 - 0.5 * math.log(2 * math.pi * 25 * n)
    expected = abs(n * -0.002 * 0.01 + c + log_k) / (18 * 0.1**2)
    assert solver.adaptive_scale == pytest.approx(expected, rel=1e-4)
    assert solver.kappa() == pytest.approx(expected / (2 * n), rel=1e-4)
    # The next log K has this step's spread.
    solver.look_back(
        torch.full(shape, 0.5), torch.zeros(shape), torch.full(shape, 0.4),
        torch.zeros(shape), torch.full((1, 1, 1, 1), -5.0),
    )
    width = -0.5 * math.log(2 * math.pi * 25 * n)
    expected = abs(2 * width - 0.5 * n * (0.1 / 5) ** 2) / (18 * 0.1**2)
    assert solver.adaptive_scale == pytest.approx(expected, rel=1e-4)


def test_the_scale_does_not_depend_on_the_size_of_the_photo() -> None:
    scales = []
    for factor in (1, 4):
        solver = solver_for("bir-d", flat(0.4), 1000)
        assert isinstance(solver, BlindRestoration)
        generator = torch.Generator().manual_seed(0)
        parts = [0.1 * torch.randn(1, 3, 24, 24, generator=generator) for _ in range(4)]
        x_t, shift, mean, noise = (F.interpolate(p, scale_factor=factor) for p in parts)
        solver.target = torch.full_like(x_t, 0.4)
        solver.data.residual = torch.full_like(x_t, 0.2)
        solver.look_back(x_t, shift, mean, noise, torch.full((1, 1, 1, 1), -6.0))
        scales.append(solver.adaptive_scale)
    assert scales[0] == pytest.approx(scales[1], rel=1e-4)
