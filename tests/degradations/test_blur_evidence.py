"""A photo's own frequencies tell whether a kernel found in it can be true."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.blur_evidence import speaks_against
from gdp_desktop.degradations.kernel_search import KernelSearch
from gdp_desktop.degradations.kernels import disk_kernel, gaussian_kernel, moments, motion_kernel
from gdp_desktop.image.photo import load_photo
from tests.degradations.test_blur import blocks, likeness

PHOTOS = Path(__file__).parents[2] / ".." / "shared" / "data" / "photos"
REAL = PHOTOS / "00039.jpg"
KERNELS = {
    "Gaussian": gaussian_kernel(1.5), "disk": disk_kernel(3.0),
    "motion": motion_kernel(12, 30), "level motion": motion_kernel(9, 0),
}


def natural(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(1, 1, H, W) in [0, 1] whose energy falls as that of photos, 1/f²."""
    white = torch.randn(height, width, generator=torch.Generator().manual_seed(seed))
    down = torch.fft.fftfreq(height)[:, None]
    f = (down.square() + torch.fft.rfftfreq(width).square()).sqrt().clamp(min=1 / height)
    x = torch.fft.irfft2(torch.fft.rfft2(white) / f, s=(height, width))
    return (0.5 + 0.12 * (x - x.mean()) / x.std())[None, None]


def with_noise(x: torch.Tensor, noise: float) -> torch.Tensor:
    return x + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("noise", [0.0, 1 / 255, 4 / 255])
@pytest.mark.parametrize("name", KERNELS)
def test_a_sharp_photo_speaks_against_any_blur(name: str, noise: float) -> None:
    sharp = natural(300, 400)
    assert speaks_against(with_noise(sharp, noise), KERNELS[name], noise)
    blurred = Blur(KERNELS[name])(sharp)
    assert not speaks_against(with_noise(blurred, noise), KERNELS[name], noise)


def test_another_blur_than_the_true_one_is_told_apart() -> None:
    level = Blur(KERNELS["level motion"])(natural(300, 400))
    assert speaks_against(level, KERNELS["level motion"].T, 0.0)


def test_where_nothing_would_be_missing_nothing_speaks_against_it() -> None:
    sharp = natural(200, 300)
    assert not speaks_against(sharp, torch.ones(1, 1), 0.0)
    assert not speaks_against(sharp, gaussian_kernel(0.3), 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (8, 5), (9, 400)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_tiny_and_flat_photos_are_judged_too(shape: tuple[int, int], value: float) -> None:
    assert not speaks_against(torch.full((1, 1, *shape), value), gaussian_kernel(0.4), 0.0)


def photo_with_edges() -> torch.Tensor:
    """(1, 3, 512, 512) in [-1, 1]: a real photo where there are any, or edges and texture."""
    if REAL.is_file():
        rgb = torch.from_numpy(load_photo(REAL).to_unit()[:512, :512].copy())
        return 2 * rgb.permute(2, 0, 1)[None].float() - 1
    edges = F.interpolate(blocks().float(), size=(512, 512), mode="nearest")
    return (0.6 * edges + 2 * natural(512, 512) - 1).clamp(-1, 1)


def test_a_sharp_photo_is_left_alone_and_a_moved_one_is_not() -> None:
    sharp, kernel = photo_with_edges(), motion_kernel(11, 20)
    for y, is_sharp in ((sharp, True), (Blur(kernel)(sharp), False)):
        rounded = (with_noise(y, 1 / 127.5) * 127.5).round() / 127.5
        found = KernelSearch(rounded, 15).kernel
        if is_sharp:
            assert found is None or moments(found)[0] < 0.6
        else:
            assert found is not None and likeness(found, kernel) > 0.8
