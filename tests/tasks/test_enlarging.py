"""Shrinking as a linear operator: its adjoint, its borders, and what it keeps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.super_resolution import KERNELS, BicubicDownsampling, Shrinking
from gdp_desktop.tasks.task import Given
from tests.degradations.random_picture import picture

every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
every_scale = pytest.mark.parametrize("scale", [2, 4, 8])


@every_kernel
@every_scale
@pytest.mark.parametrize("shape", [(2, 3), (1, 5), (4, 4)])
def test_adjoint(kernel: type[Shrinking], scale: int, shape: tuple[int, int]) -> None:
    degradation = kernel(scale).double()
    x = picture(shape[0] * scale, shape[1] * scale).requires_grad_(True)
    y = degradation(x)
    assert y.shape[-2:] == shape
    residual = picture(*shape, seed=1)
    pulled = torch.autograd.grad((y * residual).sum(), x)[0]
    other = picture(*x.shape[-2:], seed=2)
    assert float((degradation(other) * residual).sum()) == pytest.approx(
        float((other * pulled).sum()), rel=1e-9, abs=1e-9
    )


@every_kernel
@every_scale
def test_light_is_kept(kernel: type[Shrinking], scale: int) -> None:
    flat = torch.full((1, 3, 3 * scale, 4 * scale), -0.3)
    assert torch.allclose(kernel(scale)(flat), torch.full((1, 3, 3, 4), -0.3), atol=1e-6)


@every_kernel
@every_scale
def test_a_crop_shrinks_as_the_whole_does(kernel: type[Shrinking], scale: int) -> None:
    x, degradation = picture(12 * scale, 12 * scale), kernel(scale)
    whole = degradation(x)[..., 4:10, 3:9]
    crop = degradation(x[..., 2 * scale :, scale : 11 * scale])[..., 2:8, 2:8]
    assert torch.allclose(whole, crop, atol=1e-6)


@every_scale
def test_bicubic_is_what_other_programs_call_so(scale: int) -> None:
    pixels = np.random.default_rng(0).random((10 * scale, 12 * scale)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(pixels).resize((12, 10), Image.Resampling.BICUBIC))
    ours = BicubicDownsampling(scale)(torch.from_numpy(pixels)[None, None])[0, 0].numpy()
    # Borders differ: they shorten the kernel, we mirror the photo.
    assert np.abs(ours - theirs)[2:-2, 2:-2].max() < 1e-5


@every_kernel
def test_the_same_small_photo_belongs_to_every_level(kernel: type[Shrinking]) -> None:
    x = F.interpolate(picture(6, 8), scale_factor=16, mode="bicubic").clamp(-1, 1)
    degradation = kernel(8)
    y = degradation(x)
    while x.shape != y.shape:
        y, degradation, x = degradation.shrink_measurement(y), degradation.shrunk(), halved(x)
        assert float((degradation(x) - y).square().mean().sqrt()) < 0.02
    assert torch.equal(degradation(x), x)


def test_texture_of_a_small_photo_is_not_taken_for_noise() -> None:
    """Matched less strictly, what is there would be smoothed away."""
    task = task_named("super-resolution")
    busy = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    for values, first in (({}, 0.0), ({"noise": 1}, 0.0), ({"noise": 5}, 5 / 127.5)):
        problem = task.pose(Given(busy), task.values(values))
        assert set(problem.sigma_y) == {1 / 127.5} and problem.noise_first == first
