"""Metrics against values that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gdp_desktop.benchmarks import metrics


def flat(value: float, side: int = 16) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


def noise(side: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side, 3)).astype(np.float32)


def test_psnr_of_a_known_error() -> None:
    assert metrics.psnr(flat(0.5), flat(0.6)) == pytest.approx(20, abs=1e-4)
    assert metrics.psnr(flat(0.5), flat(0.5)) == math.inf


def test_ssim_of_flat_photos() -> None:
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    assert metrics.ssim(flat(0.4), flat(0.6)) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_one_window_as_the_paper_writes_it() -> None:
    x, y = noise(11, 1), noise(11, 2)
    offsets = np.arange(11) - 5
    profile = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(profile, profile)
    window /= window.sum()
    values = []
    for c in range(3):
        a, b = x[..., c].astype(float), y[..., c].astype(float)
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
        cov = (window * (a - mean_a) * (b - mean_b)).sum()
        values.append((2 * mean_a * mean_b + 1e-4) * (2 * cov + 9e-4)
                      / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)))
    assert metrics.ssim(x, y) == pytest.approx(np.mean(values), abs=1e-9)


def test_ssim_as_scikit_image_has_it() -> None:
    compared = pytest.importorskip("skimage.metrics")
    expected = compared.structural_similarity(
        noise(24, 1), noise(24, 2), gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=1.0, channel_axis=2,
    )
    assert metrics.ssim(noise(24, 1), noise(24, 2)) == pytest.approx(expected, abs=1e-5)


def test_ssim_is_symmetric_and_one_for_equals() -> None:
    assert metrics.ssim(noise(), noise()) == pytest.approx(1)
    x, y = noise(seed=1), noise(seed=2)
    assert metrics.ssim(x, y) == pytest.approx(metrics.ssim(y, x)) and metrics.ssim(x, y) < 0.2


def test_ssim_needs_a_window() -> None:
    with pytest.raises(ValueError, match="11"):
        metrics.ssim(flat(0.5, 10), flat(0.5, 10))
