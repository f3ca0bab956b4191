"""Metrics against values that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gdp_desktop.benchmarks import metrics
from gdp_desktop.benchmarks.photos import as_tensor
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.tasks.task import Problem


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


def ramp() -> np.ndarray:
    """100×100 different values."""
    values = np.linspace(0.1, 0.9, 10_000).reshape(100, 100, 1)
    return np.repeat(values, 3, axis=2)


def test_loe_of_a_brightening_that_keeps_the_order_is_zero() -> None:
    assert metrics.lightness_order_error(ramp() ** 0.4, ramp()) == 0


def test_loe_of_the_reversed_order_counts_all_others() -> None:
    assert metrics.lightness_order_error(1 - ramp(), ramp()) == 9_999


def test_loe_looks_at_the_lightest_channel() -> None:
    coloured = ramp() * [1.0, 0.5, 0.2]
    assert metrics.lightness_order_error(coloured, ramp()) == 0


def test_laplacian_variance_of_a_chequered_photo() -> None:
    # Every pixel differs by ten grey levels from its four neighbours.
    chequered = np.indices((8, 8)).sum(axis=0) % 2 * 10 / 255
    assert metrics.laplacian_variance(np.repeat(chequered[..., None], 3, 2)) == \
        pytest.approx(40**2)
    assert metrics.laplacian_variance(flat(0.3)) == 0


def test_estimated_noise_of_a_noisy_flat_photo() -> None:
    y = flat(0.5, 128) + 10 / 255 * np.random.default_rng(0).standard_normal(
        (128, 128, 3), np.float32
    )
    assert metrics.estimated_noise(y) == pytest.approx(10, rel=0.2)


def test_consistency_is_in_eight_bit_units() -> None:
    problem = Problem(as_tensor(flat(0.5)), Degradation(), (0.0,))
    assert metrics.consistency(flat(0.6), problem) == pytest.approx(25.5**2, rel=1e-4)
