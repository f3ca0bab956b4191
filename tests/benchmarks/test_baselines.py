"""The answers without a prior: each does what its name says on a picture where that is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import baselines
from gdp_desktop.benchmarks.metrics import psnr
from gdp_desktop.benchmarks.photos import as_photo, as_tensor
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import gaussian_kernel, motion_kernel, published_kernel

from .conftest import picture

POINT = torch.ones(1, 1, dtype=torch.float64)
KERNELS = {"point": POINT, "published": published_kernel(), "motion": motion_kernel(7, 30)}


@pytest.fixture
def photo() -> np.ndarray:
    return picture(48, 56).astype(np.float32) / 255


def flat(value: float = 0.4) -> np.ndarray:
    return np.full((40, 48, 3), value, np.float32)


def blurred(photo: np.ndarray, kernel: torch.Tensor) -> np.ndarray:
    return as_photo(Blur(kernel)(as_tensor(photo)))


def noisy(photo: np.ndarray, sigma: float) -> np.ndarray:
    return photo + sigma * np.random.default_rng(0).standard_normal(photo.shape, np.float32)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_a_flat_photo_is_sharp_already(kernel: torch.Tensor) -> None:
    for answer in (baselines.wiener(flat(), kernel.numpy(), 1e-2, 0),
                   baselines.richardson_lucy(flat(), kernel.numpy(), 5)):
        assert np.abs(answer - 0.4).max() < 1e-4


@pytest.mark.parametrize("name", ["published", "motion"])
def test_deconvolution_undoes_a_known_blur(name: str) -> None:
    photo = blurred(np.random.default_rng(0).random((48, 56, 3), np.float32), gaussian_kernel(1.0))
    kernel = KERNELS[name]
    y = blurred(photo, kernel)

    def gained(answer: np.ndarray) -> float:
        # A slanting motion is not quite undone at the borders.
        inner = np.s_[12:-12, 12:-12]
        return psnr(answer[inner], photo[inner]) - psnr(y[inner], photo[inner])

    assert gained(baselines.wiener(y, kernel.numpy(), 1e-2, 0)) > 2
    assert gained(baselines.richardson_lucy(y, kernel.numpy(), 30)) > 1


def test_a_point_blurs_nothing(photo: np.ndarray) -> None:
    assert np.abs(baselines.wiener(photo, POINT.numpy(), 0, 2) - photo).max() < 1e-5
    assert np.abs(baselines.richardson_lucy(photo, POINT.numpy(), 3) - photo).max() < 1e-5


def test_borders_do_not_ring() -> None:
    """The left border is dark and the right one bright: going round they would meet."""
    ramp = np.tile(np.linspace(0.1, 0.9, 64, dtype=np.float32)[None, :, None], (40, 1, 3))
    kernel = KERNELS["published"]
    answer = baselines.wiener(blurred(ramp, kernel), kernel.numpy(), 1e-2, 2)
    assert np.abs(answer - ramp).max() < 0.02


@pytest.mark.parametrize("sigma", [10, 30])
def test_non_local_means_removes_noise(sigma: int, photo: np.ndarray) -> None:
    y = noisy(photo, sigma / 255)
    assert psnr(baselines.nlm_at(y, sigma / 255), photo) > psnr(y, photo) + 3


@pytest.mark.parametrize("algorithm", [cv2.INPAINT_TELEA, cv2.INPAINT_NS])
def test_inpainting_fills_what_is_missing_alone(algorithm: int, photo: np.ndarray) -> None:
    unknown = np.random.default_rng(0).random(photo.shape[:2]) < 0.25
    y = np.where(unknown[..., None], np.float32(0), photo)
    answer = baselines.inpainted(y, unknown, algorithm)
    assert np.array_equal(answer[~unknown], photo[~unknown])
    assert psnr(answer, photo) > 30 > psnr(y, photo)


def test_enlarging(photo: np.ndarray) -> None:
    assert baselines.enlarged(photo, 4).shape == (192, 224, 3)
    repeated = baselines.enlarged(photo, 4, cv2.INTER_NEAREST)
    assert np.array_equal(repeated[1::4, 3::4], photo)


def test_gain_is_in_linear_light() -> None:
    assert np.abs(baselines.gain(flat(0.3), 1.0) - 0.3).max() < 1e-6
    # 0.5 of 1 in sRGB is 0.214 in linear light; four times as much is 0.931.
    assert baselines.gain(flat(0.5), 4.0).mean() == pytest.approx(0.9338, abs=1e-3)
    assert baselines.gain(flat(0.9), 9.0).max() == 1


def test_gamma_reaches_the_mean(photo: np.ndarray) -> None:
    assert float(baselines.gamma(0.2 * photo).mean()) == pytest.approx(0.45, abs=1e-3)
    assert float(baselines.gamma(flat(0.0)).max()) == 0


def test_clahe_spreads_a_dark_photo(photo: np.ndarray) -> None:
    dark = 0.1 * photo
    answer = baselines.clahe(dark)
    assert answer.std() > 1.2 * dark.std() and 0 <= answer.min() and answer.max() <= 1


def test_exposure_fusion_takes_the_well_exposed(photo: np.ndarray) -> None:
    dark, bright = 0.1 * photo, (photo + 0.6).clip(0, 1)
    answer = baselines.fused([dark, photo, bright])
    assert answer.shape == photo.shape
    errors = [np.abs(answer - other).mean() for other in (dark, photo, bright)]
    assert min(errors) == errors[1]


def test_merging_counts_photons_and_leaves_out_what_is_clipped() -> None:
    light_of_scene = np.linspace(0.01, 2, 40 * 48 * 3).reshape(40, 48, 3)
    rng, factors = np.random.default_rng(0), (1.0, 0.25, 4.0)
    photos = [
        baselines.displayed(f * light_of_scene + 0.003 * rng.standard_normal(light_of_scene.shape))
        for f in factors
    ]
    error = baselines.merged(photos, factors) - light_of_scene
    shadows, highlights = light_of_scene < 0.2, light_of_scene > 1.1
    assert np.sqrt((error[shadows] ** 2).mean()) < 0.001  # the bright one: a quarter of 0.003
    assert np.abs(error[highlights].mean()) < 0.01
    assert np.sqrt((error[highlights] ** 2).mean()) == pytest.approx(0.012, rel=0.1)
    white = [np.ones((4, 4, 3), np.float32)] * 3
    assert np.allclose(baselines.merged(white, factors), 4)  # the darkest says the most


def test_tone_is_forgiven_and_nothing_else(photo: np.ndarray) -> None:
    other_tone = (0.8 * photo**0.6).astype(np.float32)
    assert psnr(baselines.with_tone_of(other_tone, photo), photo) > 45
    upside_down = photo[::-1].copy()
    assert psnr(baselines.with_tone_of(upside_down, photo), photo) < 20
    assert np.isfinite(baselines.with_tone_of(flat(), photo[:40, :48])).all()
