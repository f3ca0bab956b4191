"""Laws over all cases of the restoration benchmark."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import damage, metrics
from gdp_desktop.benchmarks.cases import CASES, Case, Damaged
from gdp_desktop.diffusion import light

from .conftest import picture

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
# RMS noise in y, of 255, beside the rounding's.
NOISE = {"deblurring-noise": 5.0, "noise-25": 25.0}
ROUNDING = 1 / 12


def clean() -> np.ndarray:
    return picture(64, 96, 3).astype(np.float32) / 255


def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def damaged(case: Case) -> Damaged:
    return case.damaged(clean(), generator())


@every_case
def test_the_same_damage_again(case: Case) -> None:
    one, again = damaged(case), damaged(case)
    assert np.array_equal(one.y, again.y) and torch.equal(one.problem.y, again.problem.y)


@every_case
def test_the_answers_are_those_that_are_named(case: Case) -> None:
    spoilt = damaged(case)
    assert tuple(spoilt.trivial) == case.trivial and case.trivial[0] == "input"
    for answer in spoilt.trivial.values():
        result = answer()
        assert result.shape == clean().shape and np.isfinite(result).all()


@pytest.mark.parametrize("name", CASES)
def test_the_degradation_is_the_true_one(name: str) -> None:
    """The clean crop explains y but for the noise, where the problem is told how y came to be."""
    spoilt = damaged(CASES[name])
    left = metrics.consistency(clean(), spoilt.problem)
    noise = NOISE.get(name, 0.0) ** 2
    if spoilt.told:
        assert left == pytest.approx(noise, rel=0.05, abs=1.1 * ROUNDING)
        assert metrics.consistency(1 - clean(), spoilt.problem) > 10 * left + 1
    else:
        assert left > 1


@every_case
def test_something_is_lost(case: Case) -> None:
    # Every crop is worse for it, and its size is that of the photo or a quarter of it.
    spoilt = damaged(case)
    assert metrics.psnr(spoilt.trivial["input"](), clean()) < 45
    assert clean().shape[0] / spoilt.y.shape[0] in (1, 4)


def test_a_quarter_of_the_pixels_is_missing() -> None:
    unknown = damage.missing_pixels((64, 96, 3), generator())
    assert unknown.shape == (64, 96) and unknown.mean() == 0.25


def test_noise_is_not_clipped() -> None:
    y = damage.noisy(np.ones((64, 96, 3), np.float32), 25, generator())
    assert y.max() > 1.1 and float(y.std()) == pytest.approx(25 / 255, rel=0.02)


def test_low_light_is_a_tenth_of_the_light() -> None:
    y = damage.darkened(clean(), generator())
    linear = [light.decode(torch.from_numpy(p.copy())).mean() for p in (y, clean())]
    assert float(linear[0] / linear[1]) == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(y, damage.rounded(y)) and y.max() < 0.5
