"""The guided estimate is the minimum it claims to be, and is found without the prior's help."""

import math

import pytest
import torch
from torch import nn

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel
from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA, BlockMean, Degradation
from gdp_desktop.diffusion.gradients import quality_gradient
from gdp_desktop.diffusion.guidance import Block, Guidance, Measurement, solve_blocks
from gdp_desktop.diffusion.linear import conjugate_gradients, jacobi
from gdp_desktop.diffusion.prior import Denoised, UNetPrior
from gdp_desktop.diffusion.quality import (
    color_constancy_loss,
    exposure_loss,
    smoothness_loss,
)
from gdp_desktop.diffusion.resampling import block_mean, halved, spread
from gdp_desktop.diffusion.row_wise import Walk
from gdp_desktop.diffusion.samplers import ddim, ddpm
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import Modulated, UNet, UNetConfig
from gdp_desktop.tasks.colorization import Grey
from gdp_desktop.tasks.denoise import Noise
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.super_resolution import BicubicDownsampling
from tests.gaussian_prior import GaussianPrior


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.2 * torch.randn(1, 3, height, width, dtype=torch.float64, generator=generator)


class Gains(Degradation):
    """A different slope for every value."""

    def __init__(self, slopes: torch.Tensor) -> None:
        super().__init__()
        self.slopes = slopes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.slopes * x


def matrix_of(degradation: Degradation, shape: torch.Size) -> torch.Tensor:
    """D as a dense matrix, one column per value of x."""
    columns = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape[1:])
    return degradation(columns).flatten(1).T


def dense_solution(
    measurements: list[Measurement], x0: torch.Tensor, x0_std: float
) -> torch.Tensor:
    hessian = torch.eye(x0.numel(), dtype=torch.float64) / x0_std**2
    pull = torch.zeros(x0.numel(), dtype=torch.float64)
    for m in measurements:
        matrix = matrix_of(m.degradation, x0.shape)
        weight = m.weight / max(m.sigma, SMALLEST_SIGMA) ** 2
        hessian += weight * matrix.T @ matrix
        pull += weight * matrix.T @ (m.y.flatten() - matrix @ x0.flatten())
    return x0 + torch.linalg.solve(hessian, pull).view_as(x0)


DEGRADATIONS = {
    "identity": Degradation(),
    "mask": Masking((picture(6, 8, 1)[:, :1] > 0).double()),
    "gains": Gains(picture(6, 8, 2) * 5),
    "block mean": BlockMean(2),
    "bicubic": BicubicDownsampling(2),
    "grey": Grey(),
    "blur": Blur(gaussian_kernel(0.8)),
    "wide blur": Blur(gaussian_kernel(3.0)),
}


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_guidance_finds_the_minimum(name: str, sigma: float) -> None:
    """One step where D is pointwise, as many as the curvature has distinct values elsewhere."""
    degradation, x0 = DEGRADATIONS[name], picture(6, 8)
    y = degradation(picture(6, 8, 3))
    steps = 1 if degradation.pointwise else 2 if name in ("block mean", "grey") else 60
    for weight in (1.0, 0.25):
        measurements = [Measurement(y, degradation, sigma, weight)]
        guided = Guidance(measurements, solver_steps=steps)(x0, 0.1)
        exact = dense_solution(measurements, x0, 0.1)
        # Conjugate gradients stop at 1e-8 of the first energy, which a blur spreads widely.
        error = float((guided - exact).norm() / (exact - x0).norm())
        blurs = isinstance(degradation, Blur)
        assert error < (1e-9 if degradation.pointwise else 0.1 if blurs and not sigma else 2e-3)
        assert float(exact.abs().max()) < 1  # no clamping in the way


def test_two_measurements_are_weighed_against_each_other() -> None:
    x0, truth = picture(6, 8), picture(6, 8, 3)
    measurements = [
        Measurement(d(truth) + 0.05, d, s)
        for d, s in ((BlockMean(2), 0.02), (DEGRADATIONS["mask"], 0.1), (Grey(), 0.05))
    ]
    guided = Guidance(measurements, solver_steps=40)(x0, 0.2)
    exact = dense_solution(measurements, x0, 0.2)
    assert float((guided - exact).norm() / (exact - x0).norm()) < 2e-3


def test_noise_that_is_stronger_somewhere_is_believed_less_there() -> None:
    gain = torch.linspace(1, 3, 48).view(1, 1, 6, 8)
    precision = Measurement(picture(6, 8), Noise(0.1, gain), 0.1).precision
    assert torch.allclose(precision, 1 / (0.1 * gain) ** 2)


def test_several_photos_of_one_picture_are_all_counted() -> None:
    """Value by value, so the minimum can be written down."""
    x0, photos = picture(6, 8), Gains(1 + torch.cat([picture(6, 8, seed) for seed in (1, 2, 4)]))
    y = photos(picture(6, 8, 3))
    found = Guidance([Measurement(y, photos, 0.1)])(x0, 0.2)
    pull = x0 / 0.2**2 + (photos.slopes * y).sum(dim=0, keepdim=True) / 0.1**2
    bent = 1 / 0.2**2 + photos.slopes.square().sum(dim=0, keepdim=True) / 0.1**2
    assert torch.allclose(found, pull / bent, atol=1e-9)


@pytest.mark.parametrize("name", ["block mean", "grey", "blur", "wide blur"])
def test_a_few_steps_already_lower_the_objective(name: str) -> None:
    degradation, x0 = DEGRADATIONS[name], picture(6, 8)
    y = degradation(picture(6, 8, 3))

    def objective(x: torch.Tensor) -> float:
        data = (y - degradation(x)).square().sum() / 0.02**2
        return float(data + (x - x0).square().sum() / 0.1**2)

    values = [objective(x0)]
    for steps in (1, 2, 4, 8):
        guidance = Guidance([Measurement(y, degradation, 0.02)], solver_steps=steps)
        values.append(objective(guidance(x0, 0.1)))
    assert all(b <= a * (1 + 1e-9) for a, b in zip(values, values[1:], strict=False))
    assert values[1] < 0.9 * values[0]


def test_what_is_known_better_wins() -> None:
    x0, y = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    for sigma, std, expected in ((0.1, 0.1, 0.25), (0.3, 0.1, 0.05), (0.1, 0.3, 0.45)):
        guided = Guidance([Measurement(y, Degradation(), sigma)])(x0, std)
        assert guided.flatten().tolist() == pytest.approx([expected] * 48, rel=1e-5)


def test_the_answer_stays_in_range_and_its_input_untouched() -> None:
    x0 = torch.full((1, 3, 4, 4), 0.9)
    guided = Guidance([Measurement(torch.full_like(x0, 3.0), Degradation(), 0.01)])(x0, 1.0)
    assert float(guided.max()) == 1 and float(x0.min()) == pytest.approx(0.9)
    assert not guided.requires_grad


@pytest.mark.parametrize("name", ["identity", "gains", "block mean", "grey"])
def test_the_shift_does_not_depend_on_the_size_of_the_photo(name: str) -> None:
    degradation = DEGRADATIONS[name]
    x0, truth = picture(6, 8), picture(6, 8, 3)
    y = degradation(truth)

    def tiled(image: torch.Tensor) -> torch.Tensor:
        return image.tile(1, 1, 2, 2)

    four = Gains(tiled(degradation.slopes)) if isinstance(degradation, Gains) else degradation
    quality = (lambda x: 3 * exposure_loss(x, 0.7), lambda x: 2 * color_constancy_loss(x))
    small = Guidance([Measurement(y, degradation, 0.05)], quality, solver_steps=2)(x0, 0.1)
    large = Guidance([Measurement(tiled(y), four, 0.05)], quality, solver_steps=2)(tiled(x0), 0.1)
    assert float((small - x0).abs().max()) > 0.01
    assert torch.allclose(large, tiled(small), atol=1e-9)


def test_quality_terms_pull_by_their_gradient() -> None:
    x0 = picture(4, 4)
    measurement = Measurement(x0, Degradation(), 0.1)  # nothing to correct
    guidance = Guidance([measurement], (lambda x: 5 * (x**2).sum(),), solver_steps=1)
    shift = guidance(x0, 0.2) - x0
    assert torch.allclose(shift, -10 * x0 / (1 / 0.2**2 + 1 / 0.1**2), rtol=1e-9)


def test_nonlinear_degradations_are_linearised_where_the_estimate_is() -> None:
    class Cube(Degradation):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x**3

    x0 = 0.5 + 0.1 * picture(4, 4)
    y = x0**3 + 0.01
    guided = Guidance([Measurement(y, Cube(), 0.05)], solver_steps=1)(x0, 0.1)
    slope = 3 * x0**2
    assert torch.allclose(
        guided - x0, slope * 0.01 / 0.05**2 / (1 / 0.1**2 + slope**2 / 0.05**2), rtol=1e-9
    )


class NoWayBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        return x * weight

    @staticmethod
    def backward(ctx, *gradients):
        raise AssertionError("the gradient went through the prior")


def test_the_pull_of_the_whole_guides_its_parts_as_it_guides_the_whole() -> None:
    x0, y = (torch.randn(1, 3, 32, 8, generator=torch.Generator().manual_seed(n)) / 3
             for n in (1, 2))
    quality = (lambda x: 9 * exposure_loss(x, 0.5),)
    whole = Guidance([Measurement(y, Degradation(), 0.1)], quality)(x0, 0.2)
    pull = -quality_gradient(quality, x0)
    assert float(pull.abs().max()) > 0
    halves = []
    for rows in (slice(0, 16), slice(16, 32)):
        measured = [Measurement(y[..., rows, :], Degradation(), 0.1)]
        halves.append(Guidance(measured, pull=pull[..., rows, :])(x0[..., rows, :], 0.2))
    assert torch.allclose(torch.cat(halves, dim=-2), whole, atol=1e-6)
    assert torch.equal(pull, -quality_gradient(quality, x0))  # guidance has not written into it


@pytest.mark.parametrize("degradation", [Degradation(), BlockMean(2)], ids=["values", "blocks"])
def test_photos_of_a_batch_do_not_hear_of_each_other(degradation: Degradation) -> None:
    """Only several y of one x are added up."""
    x0, clean = (torch.cat([picture(8, 8, seed), picture(8, 8, seed + 1)]) for seed in (0, 2))
    y = degradation(clean)
    both = Guidance([Measurement(y, degradation, 0.1)])(x0, 0.2)
    alone = [
        Guidance([Measurement(y[k : k + 1], degradation, 0.1)])(x0[k : k + 1], 0.2)
        for k in range(2)
    ]
    assert torch.allclose(both, torch.cat(alone), atol=1e-12)
    together = degradation.prox(x0, y, 0.5)
    singly = [degradation.prox(x0[k : k + 1], y[k : k + 1], 0.5) for k in range(2)]
    assert torch.allclose(together, torch.cat(singly), atol=1e-12)


class Forbidding(GaussianPrior):
    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        found = super().__call__(x_t, i)
        weight = torch.ones(1, requires_grad=True)
        return Denoised(NoWayBack.apply(found.x0, weight), found.log_variance)


@pytest.mark.parametrize("sampler", [ddim, ddpm])
def test_the_gradient_never_goes_through_the_prior(sampler) -> None:
    generator = torch.Generator().manual_seed(0)
    prior = Forbidding(0.0, 0.3, Schedule.linear().quadratic(3))
    measurement = Measurement(torch.zeros(1, 3, 4, 4), BlockMean(2), 0.1)
    measurement = Measurement(torch.zeros(1, 3, 2, 2), measurement.degradation, 0.1)
    guidance = Guidance([measurement], (lambda x: exposure_loss(x, 0.5),))
    steps = list(sampler(prior, guidance, torch.randn(1, 3, 4, 4), generator))
    assert len(steps) == 3


def test_the_network_runs_without_gradients() -> None:
    seen: list[bool] = []

    class Watched(UNet):
        def walk(self, modulated: Modulated) -> Walk:
            inner = super().walk(modulated)

            def further(rows: torch.Tensor, is_last: bool) -> torch.Tensor:
                seen.append(torch.is_grad_enabled())
                return inner(rows, is_last)

            return further

    network = Watched(UNetConfig((8,), (1,), 8, 1))
    prior = UNetPrior(network, schedule=Schedule.linear().quadratic(2))
    guidance = Guidance([Measurement(torch.zeros(1, 3, 8, 8), Degradation(), 0.1)])
    steps = list(ddim(prior, guidance, torch.randn(1, 3, 8, 8), torch.Generator()))
    assert seen == [False, False] and not steps[-1].x_t.requires_grad


@pytest.mark.parametrize("term", [
    lambda x: exposure_loss(x, 0.6),
    color_constancy_loss,
    smoothness_loss,
], ids=["exposure", "colour", "smoothness"])
def test_quality_gradients(term) -> None:
    x = (picture(5, 7) + torch.tensor([0.3, 0.0, -0.2]).double().view(1, 3, 1, 1))
    assert torch.autograd.gradcheck(term, (x.requires_grad_(True),))


@pytest.mark.parametrize("term", [lambda x: exposure_loss(x, 0.5), color_constancy_loss,
                                  smoothness_loss])
@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (1, 3, 1, 1), (1, 3, 1, 5)])
def test_quality_gradients_are_finite_at_their_minimum(term, value: float, shape) -> None:
    x = torch.full(shape, value, requires_grad=True)
    loss = term(x) + 0 * x.sum()
    loss.backward()
    assert math.isfinite(float(loss.detach())) and bool(torch.isfinite(x.grad).all())


def test_quality_terms_mean_what_they_say() -> None:
    grey = torch.full((1, 3, 4, 4), 0.2)  # 0.6 in [0, 1]
    assert float(exposure_loss(grey, 0.6)) == pytest.approx(0, abs=1e-9)
    assert float(exposure_loss(grey, 0.5)) == pytest.approx(0.01 * 48, rel=1e-4)
    assert float(color_constancy_loss(grey)) < 1e-4
    red = grey.clone()
    red[:, 0] += 0.4  # 0.2 in [0, 1]: two of three differences
    assert float(color_constancy_loss(red)) == pytest.approx(math.sqrt(2) * 0.04 * 48, rel=1e-4)
    assert float(smoothness_loss(grey)) == 0
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 3, 4)
    assert float(smoothness_loss(ramp)) == pytest.approx(2)


@pytest.mark.parametrize("sides", [(), (2,), (3,), (2, 4), (2, 4, 8)])
def test_blocks_that_lie_in_each_other_are_solved_exactly(sides: tuple[int, ...]) -> None:
    pull, size = picture(24, 24, 1), 24
    diagonal = 0.5 + picture(24, 24, 2).abs()
    blocks = [
        Block(side, 3.0 + side, picture(size // side, size // side, 10 + side)) for side in sides
    ]
    found = solve_blocks(1 / diagonal, blocks, pull)
    left = diagonal * found - pull
    for side, weight, of_means in blocks:
        left = left + spread(weight * block_mean(found, side) - of_means, side) / side**2
    assert float(left.abs().max()) < 1e-12


def test_conjugate_gradients_edge_cases() -> None:
    ones = torch.ones(4, dtype=torch.float64)
    calls: list[int] = []

    def doubling(d: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return 2 * d

    # Nothing pulls: nothing moves, and the curvature is not even asked.
    assert torch.equal(conjugate_gradients(doubling, 0 * ones, jacobi(2 * ones), 5), 0 * ones)
    assert not calls
    # Exact preconditioner: done after one step however many are allowed.
    assert torch.allclose(conjugate_gradients(doubling, 3 * ones, jacobi(2 * ones), 50), 1.5 * ones)
    assert len(calls) == 1
    # No steps: no shift.
    assert torch.equal(conjugate_gradients(doubling, ones, jacobi(ones), 0), 0 * ones)
    # Forces far below and above the usual size.
    for size in (1e-30, 1e15):
        solved = conjugate_gradients(doubling, size * ones, jacobi(ones), 3)
        assert torch.allclose(solved, size / 2 * ones, rtol=1e-9, atol=0)


def test_conjugate_gradients_solve_any_positive_matrix_in_as_many_steps_as_unknowns() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(7, 7, dtype=torch.float64, generator=generator)
    matrix = root @ root.T + 0.5 * torch.eye(7, dtype=torch.float64)
    pull = torch.randn(7, dtype=torch.float64, generator=generator)
    solved = conjugate_gradients(lambda d: matrix @ d, pull, jacobi(matrix.diagonal()), 7)
    assert torch.allclose(matrix @ solved, pull, atol=1e-3)


@pytest.mark.parametrize("module", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_degradations_that_call_themselves_pointwise_are(module: Degradation) -> None:
    x = picture(6, 8)
    jacobian = matrix_of(module, x.shape)
    is_diagonal = jacobian.shape[0] == jacobian.shape[1] and bool(
        (jacobian - jacobian.diagonal().diag()).abs().max() < 1e-12
    )
    assert module.pointwise == is_diagonal
    assert isinstance(module, nn.Module)
    if is_diagonal:
        predicted, slope = module.slope(x)
        assert torch.equal(predicted, module(x))
        torch.testing.assert_close(slope.flatten(), jacobian.diagonal(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_blur_with_known_singular_values_is_undone_in_a_few_steps(coarse: bool) -> None:
    """The minimum itself, where plain conjugate gradients need hundreds of steps."""
    x = picture(48, 40)
    blur = Blur(gaussian_kernel(2.0))
    measurements = [Measurement(blur(x), blur, 0.5 / 127.5)]
    if coarse:
        measurements.append(Measurement(halved(x), BlockMean(2), 0.1))
    start = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    found = Guidance(measurements, solver_steps=6)(start, 0.1)
    exact = Guidance(measurements, solver_steps=2000)(start, 0.1)
    assert float((found - exact).abs().max()) < 2e-3
    assert float((found - x).square().mean()) < 0.9 * float((start - x).square().mean())
