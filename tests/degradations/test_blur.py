"""Kernels are what they are called, a blur is what its kernel says, and an unknown one is found."""

import math

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations import blur
from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import Blur, mirrored
from gdp_desktop.degradations.kernels import (
    disk_kernel,
    doubled_kernel,
    fitted_into,
    gaussian_kernel,
    halved_kernel,
    moments,
    motion_kernel,
    on_the_simplex,
    published_kernel,
)
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.image.geometry import Size
from tests.degradations.random_picture import picture

KERNELS = {
    "narrow Gaussian": gaussian_kernel(0.5),
    "Gaussian": gaussian_kernel(2.0),
    "published": published_kernel(),
    "small disk": disk_kernel(0.5),
    "disk": disk_kernel(3.3),
    "no motion": motion_kernel(0, 0),
    "motion": motion_kernel(9, 35),
    "level motion": motion_kernel(12, 0),
    "long motion": motion_kernel(24, -70),
    "lopsided": torch.tensor([[0, 5, 0], [2, 1, 2], [0, 0, 0]]).double() / 10,
}
every_kernel = pytest.mark.parametrize("name", KERNELS)


def blocks(side: int = 128, seed: int = 0) -> torch.Tensor:
    """A picture of many even areas with sharp edges in all directions."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.zeros(1, 3, side, side)
    rows = torch.arange(side).view(-1, 1)
    columns = torch.arange(side).view(1, -1)
    for _ in range(40):
        top, left, size = (torch.rand(3, generator=generator) * side).tolist()
        size = size / 5 + 4
        colour = torch.rand(1, 3, 1, 1, generator=generator) * 1.8 - 0.9
        inside = (rows - top).abs() + (columns - left).abs() < size
        x = torch.where(inside, colour, x)
        top, left = (torch.rand(2, generator=generator) * side).tolist()
        x[..., int(top) : int(top + size), int(left) : int(left + 2 * size)] = -colour
    return x


@every_kernel
def test_kernels_are_centred_and_keep_the_light(name: str) -> None:
    kernel = KERNELS[name]
    assert all(n % 2 == 1 for n in kernel.shape)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12) and float(kernel.min()) >= 0
    if name != "lopsided":
        assert torch.allclose(kernel, kernel.flip(0, 1), atol=1e-12)


def test_the_published_kernel_has_the_published_numbers() -> None:
    kernel = published_kernel()
    profile = [0.05815, 0.09020, 0.12341, 0.14895, 0.15859, 0.14895, 0.12341, 0.09020, 0.05815]
    assert kernel.sum(dim=0).tolist() == pytest.approx(profile, abs=1e-5)
    assert float(kernel[4, 4]) == pytest.approx(0.02515, abs=1e-5)
    assert float(kernel[0, 0]) == pytest.approx(0.00338, abs=1e-5)


@pytest.mark.parametrize("radius", [0.7, 2.0, 5.0])
def test_kernels_are_as_wide_as_they_say(radius: float) -> None:
    assert moments(gaussian_kernel(radius))[0] == pytest.approx(radius, rel=0.02)
    # The variance of a disk is r²/4 in each direction; square pixels add a twelfth.
    expected = math.sqrt(radius**2 / 4 + 1 / 12)
    tolerance = 0.1 if radius < 1 else 0.02
    assert moments(disk_kernel(radius))[0] == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(("length", "angle"), [(8, 0), (15, 30), (20, -45), (11, 90), (30, 77.5)])
def test_motion_has_its_length_and_direction(length: float, angle: float) -> None:
    along, across, found = moments(motion_kernel(length, angle))
    assert along == pytest.approx(length / math.sqrt(12), rel=0.03)
    assert across < 0.6
    assert abs((found - angle + 90) % 180 - 90) < 0.5


def test_motion_that_rises_to_the_right_is_drawn_so() -> None:
    kernel = motion_kernel(9, 45)
    middle = kernel.shape[0] // 2
    assert float(kernel[:middle, middle + 1 :].sum()) > 0.3  # above and right of the centre


@every_kernel
@pytest.mark.parametrize("shape", [(20, 23), (5, 40), (3, 4)])
def test_adjoint(name: str, shape: tuple[int, int]) -> None:
    degradation = Blur(KERNELS[name]).double()
    x = picture(*shape).requires_grad_(True)
    y = degradation(x)
    residual = picture(*shape, seed=1)
    pulled = torch.autograd.grad((y * residual).sum(), x)[0]
    other = picture(*shape, seed=2)
    assert float((degradation(other) * residual).sum()) == pytest.approx(
        float((other * pulled).sum()), rel=1e-9, abs=1e-9
    )


@every_kernel
def test_the_three_ways_of_adding_up_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, degradation = picture(33, 29), Blur(KERNELS[name])
    kernel = degradation.kernel.double()
    reach = [n // 2 for n in kernel.shape]
    padded = mirrored(mirrored(x, reach[1], -1), reach[0], -2)
    direct = F.conv2d(padded, kernel.flip(0, 1).expand(3, 1, -1, -1), groups=3)
    assert torch.allclose(degradation(x), direct, atol=1e-6)
    degradation.row = degradation.column = None
    assert torch.allclose(degradation(x), direct, atol=1e-6)
    monkeypatch.setattr(blur, "MANY_TAPS", 0)
    assert torch.allclose(degradation(x), direct, atol=1e-6)


def test_products_of_a_row_and_a_column_are_found() -> None:
    assert all(Blur(KERNELS[n]).row is not None for n in ("Gaussian", "published", "level motion"))
    assert all(Blur(KERNELS[n]).row is None for n in ("disk", "motion", "lopsided"))


@pytest.mark.parametrize("reach", [0, 1, 4, 5, 9, 23])
def test_the_mirror_image_repeats_the_border(reach: int) -> None:
    x = torch.arange(5.0)
    expected = [int(4 - abs((i % 10) - 4.5) + 0.5) for i in range(-reach, 5 + reach)]
    assert mirrored(x, reach, -1).tolist() == expected


@every_kernel
def test_light_is_kept(name: str) -> None:
    degradation = Blur(KERNELS[name])
    flat = torch.full((1, 3, 12, 17), 0.4)
    assert torch.allclose(degradation(flat), flat, atol=1e-6)


@every_kernel
def test_the_spectrum_is_that_of_the_blur(name: str) -> None:
    degradation, x = Blur(KERNELS[name]).double(), picture(14, 11)
    spectrum = degradation.spectrum(Size(11, 14))
    mirrors = all(torch.allclose(KERNELS[name], KERNELS[name].flip(side)) for side in (0, 1))
    assert (spectrum is not None) == mirrors
    if spectrum is not None:
        expected = spectrum.singular * spectrum.vt(x)
        assert torch.allclose(spectrum.ut(degradation(x)), expected, atol=1e-6)


@every_kernel
def test_half_the_kernel_is_half_the_blur(name: str) -> None:
    kernel = KERNELS[name]
    half = halved_kernel(kernel)
    assert float(half.sum()) == pytest.approx(1, abs=1e-12)
    assert moments(half)[0] == pytest.approx(moments(kernel)[0] / 2, abs=0.1)
    assert moments(half)[1] == pytest.approx(moments(kernel)[1] / 2, abs=0.1)


@every_kernel
def test_blurring_then_halving_is_halving_then_half_the_blur(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 12, 14, generator=generator) * 2 - 1
    x = F.interpolate(small, scale_factor=8, mode="bicubic").clamp(-1, 1)
    degradation = Blur(KERNELS[name])
    for _ in range(2):
        y, degradation, x = halved(degradation(x)), degradation.shrunk(), halved(x)
        error = (degradation(x) - y)[..., 4:-4, 4:-4]
        # Finest at the second halving, where the picture's own details are two pixels wide.
        assert float(error.square().mean().sqrt()) < 0.015 and float(error.abs().max()) < 0.05


@pytest.mark.parametrize("name", ["Gaussian", "disk", "motion"])
def test_doubling_undoes_halving(name: str) -> None:
    kernel = fitted_into(KERNELS[name], 21)
    again = doubled_kernel(halved_kernel(kernel), 21)
    assert again.shape == (21, 21) and float(again.sum()) == pytest.approx(1)
    for one, other in zip(moments(again)[:2], moments(kernel)[:2], strict=True):
        assert one == pytest.approx(other, abs=0.9)


def test_the_nearest_kernel_on_the_simplex() -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (0.01, 1.0, 50.0):
        given = scale * torch.randn(5, 7, dtype=torch.float64, generator=generator)
        nearest = on_the_simplex(given)
        assert float(nearest.min()) >= 0 and float(nearest.sum()) == pytest.approx(1)
        # No direction within the simplex leads closer (variational inequality).
        for _ in range(20):
            other = torch.rand(5, 7, dtype=torch.float64, generator=generator)
            other = other / other.sum()
            assert float(((given - nearest) * (other - nearest)).sum()) <= 1e-9
        assert torch.allclose(on_the_simplex(nearest), nearest)


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    """Cosine of the angle between two kernels, at the best shift of at most a pixel."""
    size = max(*one.shape, *other.shape)
    one, other = (fitted_into(k.double(), size) for k in (one, other))
    scale = float(one.norm() * other.norm())
    shifts = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]
    return max(float((one.roll(shift, (0, 1)) * other).sum()) / scale for shift in shifts)


@pytest.mark.parametrize("name", ["Gaussian", "disk", "motion", "level motion"])
def test_an_unknown_kernel_is_found_from_the_true_picture(name: str) -> None:
    x, kernel = blocks(), KERNELS[name]
    generator = torch.Generator().manual_seed(1)
    y = Blur(kernel)(x)
    y = y + torch.randn(y.shape, generator=generator) / 127.5
    found = BlindBlur(17)
    for _ in range(22):
        found.fit(x, y)
        assert float(found.kernel.min()) >= 0
        assert float(found.kernel.sum()) == pytest.approx(1, abs=1e-5)
    # Within 12 % of the kernel's own norm; a point is further off by far.
    error = float((found.kernel - fitted_into(kernel, 17)).norm() / kernel.norm())
    assert error < 0.12 and likeness(found.kernel, kernel) > 0.99
    assert likeness(torch.ones(1, 1), kernel) < 0.6
    along, _, angle = moments(found.kernel)
    assert along == pytest.approx(moments(kernel)[0], rel=0.1)
    if name == "motion":
        assert angle == pytest.approx(35, abs=2)


def test_without_edges_the_photo_stays_as_it_is() -> None:
    found, flat = BlindBlur(9), torch.zeros(1, 3, 24, 24)
    assert not found.notes
    for _ in range(2):
        found.fit(flat, flat)
    assert torch.equal(found.kernel, fitted_into(torch.ones(1, 1), 9))
    assert len(found.notes) == 1
    # Nor is anything learned at the finer levels.
    finer, x = BlindBlur(17), picture(40, 50).float()
    finer.adopt(found)
    finer.fit(x, Blur(KERNELS["motion"])(x))
    assert torch.equal(finer.kernel, fitted_into(torch.ones(1, 1), 17)) and finer.notes


@pytest.mark.parametrize("shape", [(8, 8), (9, 30), (2, 2)])
def test_fitting_never_breaks_on_tiny_or_odd_photos(shape: tuple[int, int]) -> None:
    found = BlindBlur(21)
    for seed in range(6):
        x, y = picture(*shape, seed=seed).float(), picture(*shape, seed=seed + 9).float()
        found.fit(x, y.sign() if seed % 2 else y)
        assert bool(torch.isfinite(found.kernel).all())
        assert float(found.kernel.sum()) == pytest.approx(1, abs=1e-5)
        assert found(x).shape == x.shape


def test_an_unknown_kernel_moves_through_the_pyramid() -> None:
    fine = BlindBlur(21)
    coarse = fine.shrunk()
    assert isinstance(coarse, BlindBlur) and coarse.kernel.shape == (11, 11)
    assert coarse.learns_at_every_level and coarse.shrunk().kernel.shape == (5, 5)
    coarse.kernel.copy_(fitted_into(motion_kernel(7, 30), 11))
    fine.adopt(coarse)
    along, across, angle = moments(fine.kernel)
    assert along == pytest.approx(14 / math.sqrt(12), rel=0.1) and across < 1.2
    assert angle == pytest.approx(30, abs=3)
    assert torch.equal(fine.by_products()["kernel"], fine.kernel)


def test_only_what_is_not_round_has_an_angle() -> None:
    upright = Blur(motion_kernel(8, 90))
    assert upright.estimate()["blur_angle"] == pytest.approx(90, abs=0.5)
    nearly_round = Blur(gaussian_kernel(2.1)[:, 6:7] * gaussian_kernel(2.0)[6:7])
    assert nearly_round.estimate()["blur_angle"] == 0


def test_even_kernels_are_not_kernels() -> None:
    with pytest.raises(ValueError):
        Blur(torch.full((2, 3), 1 / 6))


def test_how_far_a_large_kernel_is_felt_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []
    really = torch.fft.rfft2

    def watched(image: torch.Tensor, s: tuple[int, int]) -> torch.Tensor:
        sizes.append(tuple(s))
        return really(image, s=s)

    monkeypatch.setattr(torch.fft, "rfft2", watched)
    blur = Blur(gaussian_kernel(40.0))
    assert blur.kernel.shape[0] > 200
    assert blur.reach == blur.reach >= blur.kernel.shape[0] // 2
    assert len(sizes) == 1 and max(sizes[0]) <= 1024
