"""What every linear degradation promises the methods that invert it: its adjoint, its
pseudo-inverse, its singular values; and what every degradation promises at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.composition import Composition
from gdp_desktop.degradations.kernels import disk_kernel
from gdp_desktop.diffusion.degradation import SMALLEST_SINGULAR, BlockMean, Degradation
from gdp_desktop.diffusion.linear import linearised
from gdp_desktop.diffusion.resampling import enlarged
from gdp_desktop.diffusion.spectrum import (
    Diagonal,
    Means,
    Mirrored,
    Spectrum,
    dct,
    inverse_dct,
    symmetric_in_each_direction,
)
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks import TASKS
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.mixed import GreyInThree
from gdp_desktop.tasks.super_resolution import Downsampling
from gdp_desktop.tasks.task import Given, Task

SIDES = (12, 16)
WIDE = 24, 32


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)


def gaussian(sigma: float, reach: int) -> torch.Tensor:
    profile = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
    return torch.outer(profile, profile) / profile.sum() ** 2


def slanted() -> torch.Tensor:
    """A kernel that is no mirror image of itself: motion up a slope."""
    return torch.tensor([[0, 0, 0.3], [0, 0.4, 0], [0.3, 0, 0.0]])


def of_task(task: Task) -> Degradation:
    shape = (1, 3, *SIDES)
    picture = noise(*shape, seed=3).float().clamp(-1, 1)
    if task.id == "colorization":
        picture = picture.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    others = tuple((picture * (0.6 + 0.2 * k)).clamp(-1, 1) for k in range(task.others[0]))
    unknown = (noise(1, 1, *SIDES, seed=4) > 0.2).float() if task.needs_mask else None
    with torch.no_grad():
        posed = task.pose(Given(picture, unknown, others), task.values({}))
    return posed.degradation.double()


def size_of_x(degradation: Degradation, task: Task | None) -> tuple[int, int]:
    scale = task.scale(task.values({})) if task else 1
    return SIDES[0] * scale, SIDES[1] * scale


@dataclass(frozen=True)
class Operator:
    degradation: Degradation
    sides: tuple[int, int] = SIDES

    def x(self, seed: int = 0) -> torch.Tensor:
        return noise(1, 3, *self.sides, seed=seed)

    @property
    def size(self) -> Size:
        return Size(self.sides[1], self.sides[0])

    @property
    def spectrum(self) -> Spectrum | None:
        return self.degradation.spectrum(self.size)


def part(name: str) -> Degradation:
    """Of a composition, by name."""
    return {
        "grey": GreyInThree(), "blur": Blur(gaussian(1.2, 4)), "motion": Blur(slanted()),
        "shrink": Downsampling(2), "nothing": Degradation(),
        "missing": Masking((noise(1, 1, *SIDES, seed=8) > -0.2).double()),
    }[name]


OPERATORS = {
    "identity": Operator(Degradation()),
    "block mean 2": Operator(BlockMean(2)),
    "block mean 4": Operator(BlockMean(4)),
    "narrow blur": Operator(Blur(gaussian(0.6, 2)).double()),
    "wide blur": Operator(Blur(gaussian(3.0, 9)).double()),
    "blur beyond the border": Operator(Blur(gaussian(6.0, 20)).double()),
    "disk": Operator(Blur(disk_kernel(2.0)).double()),
    "motion": Operator(Blur(slanted()).double()),
} | {
    "+".join(names): Operator(Composition([part(name) for name in names]).double())
    for names in (
        ("grey",), ("grey", "blur"), ("blur", "grey"), ("grey", "shrink"), ("shrink", "grey"),
        ("grey", "missing"), ("blur", "nothing"), ("grey", "nothing", "missing"),
        ("blur", "shrink"), ("blur", "missing"), ("grey", "motion"), ("grey", "blur", "missing"),
    )
} | {
    f"task {task.id}": Operator(of_task(task), size_of_x(of_task(task), task))
    for task in TASKS.values()
}
LINEAR = {name: op for name, op in OPERATORS.items() if op.degradation.linear}
WITH_SPECTRUM = {name: op for name, op in LINEAR.items() if op.spectrum is not None}
every = pytest.mark.parametrize("op", OPERATORS.values(), ids=OPERATORS)
every_linear = pytest.mark.parametrize("op", LINEAR.values(), ids=LINEAR)
every_spectrum = pytest.mark.parametrize("op", WITH_SPECTRUM.values(), ids=WITH_SPECTRUM)
# Whose matrix can be written down.
SMALL = {name: op for name, op in WITH_SPECTRUM.items() if 3 * op.size.pixels <= 1000}
every_small_spectrum = pytest.mark.parametrize("op", SMALL.values(), ids=SMALL)


def inner(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum())


def test_the_lists_are_not_empty() -> None:
    assert {"task super-resolution", "task inpainting", "task colorization", "task denoise",
            "task deblurring"} <= set(WITH_SPECTRUM)
    assert "motion" in LINEAR and "motion" not in WITH_SPECTRUM
    # What commutes with the mean of the channels is known beside it; two blends of pixels are not.
    assert {"grey", "grey+blur", "blur+grey", "grey+shrink", "shrink+grey", "grey+missing",
            "blur+nothing", "grey+nothing+missing"} <= set(WITH_SPECTRUM)
    assert not {"blur+shrink", "blur+missing", "grey+motion", "grey+blur+missing"} & set(
        WITH_SPECTRUM)
    assert "task low-light" in OPERATORS and "task low-light" not in LINEAR


@every
def test_adjoint(op: Operator) -> None:
    """<Jx, y> = <x, Jᵀy>."""
    at, x = 0.2 * op.x(5), op.x()
    predicted, forward, _ = linearised(op.degradation, at)
    y = noise(*predicted.shape, seed=2)
    back = op.degradation.adjoint(y, at)
    assert back.shape == x.shape
    assert inner(forward(x), y) == pytest.approx(inner(x, back), rel=1e-9, abs=1e-9)


@every
def test_gradient_in_float64(op: Operator) -> None:
    x = (0.2 * op.x(7)).requires_grad_(True)
    assert torch.autograd.gradcheck(op.degradation, (x,), fast_mode=True)


@every_linear
def test_is_linear(op: Operator) -> None:
    x, other = op.x(), op.x(1)
    together = op.degradation(2 * x - 3 * other)
    apart = 2 * op.degradation(x) - 3 * op.degradation(other)
    assert torch.allclose(together, apart, atol=1e-9)
    assert float(op.degradation(torch.zeros_like(x)).abs().max()) == 0


@every_linear
def test_pseudo_inverse(op: Operator) -> None:
    """D D⁺ D = D, and D⁺y is the smallest of all x that explain y.  Both up to the singular
    values that count as 0."""
    x = op.x()
    y = op.degradation(x)
    found = op.degradation.pseudo_inverse(y)
    assert found.shape == x.shape
    lost = SMALLEST_SINGULAR * float(x.norm())
    assert float((op.degradation(found) - y).norm()) <= lost
    assert float(found.norm()) <= float(x.norm()) * (1 + 1e-6)
    # Moore and Penrose's other conditions: D⁺D is symmetric and a projection.
    again = op.degradation.pseudo_inverse(op.degradation(found))
    other = op.x(1)
    swapped = op.degradation.pseudo_inverse(op.degradation(other))
    if op.spectrum is not None:
        assert torch.allclose(again, found, atol=1e-6)
        assert inner(found, other) == pytest.approx(inner(x, swapped), abs=1e-6)


@pytest.mark.parametrize("name", ["identity", "block mean 2", "block mean 4", "task inpainting",
                                  "task colorization"])
def test_pseudo_inverses_that_are_known(name: str) -> None:
    op = OPERATORS[name]
    y = op.degradation(op.x())
    found = op.degradation.pseudo_inverse(y)
    factor = op.sides[0] // y.shape[-2]
    replicated = y.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    assert torch.allclose(found, replicated.expand_as(found), atol=1e-9)


@every_spectrum
def test_the_factors_are_those_of_the_degradation(op: Operator) -> None:
    spectrum, x = op.spectrum, op.x()
    z = spectrum.vt(x)
    assert z.numel() == x.numel() and bool((spectrum.singular >= 0).all())
    # V is orthonormal, Uᵀ D = S Vᵀ, and Dᵀ = V S Uᵀ.
    assert float(z.norm()) == pytest.approx(float(x.norm()))
    assert torch.allclose(spectrum.v(z), x, atol=1e-10)
    y = op.degradation(x)
    assert torch.allclose(spectrum.ut(y), spectrum.singular * z, atol=2e-7)
    back = op.degradation.adjoint(y, x)
    assert torch.allclose(spectrum.v(spectrum.singular * spectrum.ut(y)), back, atol=2e-7)
    # U is orthonormal where it counts: white noise in y is white noise in Uᵀy.
    residual = noise(*y.shape, seed=9)
    measured = spectrum.ut(residual)
    seen = (spectrum.singular > 0).expand_as(measured)
    assert float(measured[~seen].abs().sum()) == 0
    if int(seen.sum()) == y.numel():
        assert float(measured.norm()) == pytest.approx(float(residual.norm()))


@every_small_spectrum
def test_the_singular_values_are_those_of_the_matrix(op: Operator) -> None:
    values = 3 * op.size.pixels
    basis = torch.eye(values, dtype=torch.float64).view(values, 3, *op.sides)
    matrix = op.degradation(basis).flatten(1)
    found = op.spectrum.singular.expand_as(op.spectrum.vt(basis[:1])).flatten().sort().values
    expected = torch.linalg.svdvals(matrix)
    missing = torch.zeros(values - len(expected), dtype=torch.float64)
    assert torch.allclose(found, torch.cat((expected, missing)).sort().values, atol=2e-7)


@every_linear
@pytest.mark.parametrize("rho", [1e-2, 1.0, 30.0])
def test_prox_is_the_minimum(op: Operator, rho: float) -> None:
    degradation, x0 = op.degradation, op.x()
    y = degradation(op.x(1))
    found = degradation.prox(x0, y, rho)
    pull = degradation.adjoint(y - degradation(found), x0) - rho * (found - x0)
    at_first = degradation.adjoint(y - degradation(x0), x0)
    assert float(pull.norm()) < 1e-3 * float(at_first.norm())


def test_prox_of_what_is_not_linear_follows_its_slope() -> None:
    class Cube(Degradation):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x**3

    cube = Cube()
    assert not cube.linear and cube.spectrum(Size(4, 4)) is None
    x0 = 0.5 + 0.1 * noise(1, 3, 4, 4)
    y = x0**3 + 0.01
    slope = 3 * x0**2
    expected = x0 + slope * 0.01 / (slope**2 + 0.2)
    assert torch.allclose(cube.prox(x0, y, 0.2), expected, rtol=1e-9)


def test_a_forward_of_ones_own_is_not_taken_for_linear() -> None:
    class Named(Degradation):
        pass

    class Squared(Degradation):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.square()

    assert Named().linear and isinstance(Named().spectrum(Size(4, 4)), Diagonal)
    assert not Squared().linear and Squared().spectrum(Size(4, 4)) is None


@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
def test_dct_is_the_matrix_of_the_books(length: int) -> None:
    """Orthonormal DCT-II: √(2/n)·cos(π(2m+1)k/2n), the first row over √2."""
    m, k = torch.arange(length).double(), torch.arange(length).double()[:, None]
    matrix = torch.cos(math.pi * (2 * m + 1) * k / (2 * length)) * (2 / length) ** 0.5
    matrix[0] /= 2**0.5
    x = noise(2, 3, 4, length)
    assert torch.allclose(dct(x, -1), x @ matrix.T, atol=1e-12)
    assert torch.allclose(dct(x.mT, -2), (x @ matrix.T).mT, atol=1e-12)
    assert torch.allclose(inverse_dct(dct(x, -1), -1), x, atol=1e-12)


def test_mirrored_only_takes_symmetric_kernels() -> None:
    assert symmetric_in_each_direction(gaussian(1.0, 3))
    assert not symmetric_in_each_direction(slanted())
    with pytest.raises(ValueError, match="mirror"):
        Mirrored(slanted(), Size(8, 8))




def test_means_are_of_one_kind() -> None:
    with pytest.raises(ValueError):
        Means(2, over_channels=True)


@pytest.mark.parametrize(("name", "reach"), [
    ("identity", 0), ("block mean 2", 0), ("block mean 4", 0), ("task colorization", 0),
    ("task inpainting", 0), ("narrow blur", 2), ("motion", 1), ("disk", 3),
])
def test_a_crop_of_the_degraded_is_the_degraded_crop(name: str, reach: int) -> None:
    """Away from the border by the operator's reach; crops lie on the grid of blocks."""
    degradation = OPERATORS[name].degradation
    x = noise(1, 3, *WIDE)
    top, left, height, width = 8, 4, *SIDES

    def crop_of(image: torch.Tensor, factor: int) -> torch.Tensor:
        return image[..., top // factor : (top + height) // factor,
                     left // factor : (left + width) // factor]

    if hasattr(degradation, "known"):
        known = (noise(1, 1, *WIDE, seed=6) > 0).double()
        whole, part = (type(degradation)(k) for k in (known, crop_of(known, 1)))
    else:
        whole = part = degradation
    y = whole(x)
    inside = crop_of(y, WIDE[0] // y.shape[-2])
    alone = part(crop_of(x, 1))
    kept = (..., slice(reach, alone.shape[-2] - reach), slice(reach, alone.shape[-1] - reach))
    assert torch.allclose(inside[kept], alone[kept], atol=1e-9)


@every_spectrum
def test_agrees_with_deepinv(op: Operator, deepinv: ModuleType) -> None:
    """The proximal step by another library's conjugate gradients, where it is installed."""
    degradation: Callable[[torch.Tensor], torch.Tensor] = op.degradation
    x = op.x()
    physics = deepinv.physics.LinearPhysics(
        A=degradation, A_adjoint=lambda y: op.degradation.adjoint(y, x), max_iter=200, tol=1e-10
    )
    y = degradation(x)
    assert torch.allclose(physics.prox_l2(x, y, 2.0), op.degradation.prox(x, y, 0.5), atol=1e-4)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 3, 1, 5), (1, 1, 6, 2), (1, 3, 17, 23)])
def test_enlarging_is_bicubic(shape: tuple[int, ...], factor: int) -> None:
    small = noise(*shape)
    expected = F.interpolate(small, scale_factor=factor, mode="bicubic", align_corners=False)
    torch.testing.assert_close(enlarged(small, factor), expected, rtol=0, atol=1e-12)
