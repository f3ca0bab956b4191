"""One evaluation of a prior at the noise that is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gdp_desktop.benchmarks.denoising import one_evaluation
from tests.gaussian_prior import GaussianPrior

from .conftest import Bench, rows_of


@pytest.mark.parametrize("sigma", [5, 25, 75])
def test_the_answer_of_an_exact_prior(sigma: int) -> None:
    std = 0.5
    noisy = 0.5 + sigma / 255 * np.random.default_rng(0).standard_normal((8, 8, 3), np.float32)
    answer = one_evaluation(GaussianPrior(0.0, std), "cpu", noisy, sigma / 255)
    kept = std**2 / (std**2 + (2 * sigma / 255) ** 2)
    # Only the timestep with the nearest σ is known to it.
    assert np.abs(answer - (0.5 + kept * (noisy - 0.5))).max() < 0.004


def test_unclipped_noise_has_the_psnr_it_is_defined_by(bench: Bench, tmp_path: Path) -> None:
    assert bench("denoising", "--sigmas", "5,50", "--methods", "noisy").code == 0
    for row in rows_of(tmp_path / "tables" / "denoising.csv"):
        expected = 20 * np.log10(255 / float(row["sigma"]))
        assert float(row["psnr"]) == pytest.approx(expected, abs=0.35)


def test_noise_depends_on_photo_and_sigma_alone(bench: Bench, tmp_path: Path) -> None:
    table = tmp_path / "tables" / "denoising.csv"
    assert bench("denoising", "--sigmas", "5,25", "--methods", "noisy").code == 0
    before = {(r["photo"], r["sigma"]): r["psnr"] for r in rows_of(table)}
    table.unlink()
    assert bench("denoising", "--sigmas", "25", "--methods", "noisy", "--count", "1").code == 0
    [row] = rows_of(table)
    assert before[row["photo"], row["sigma"]] == row["psnr"]
    assert len(set(before.values())) == len(before)
