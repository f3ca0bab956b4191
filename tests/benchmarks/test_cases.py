"""Laws over all cases of the restoration benchmark."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gdp_desktop.benchmarks import damage, metrics
from gdp_desktop.benchmarks.cases import CASES, Case, Damaged
from gdp_desktop.degradations import light

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
    # Every crop is worse for it, and its size is that of the photo, or a half or a quarter of it.
    spoilt = damaged(case)
    assert metrics.psnr(spoilt.trivial["input"](), clean()) < 45
    assert clean().shape[0] / spoilt.y.shape[0] in (1, 2, 4)


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


def test_of_a_bracket_the_dark_one_alone_holds_the_highlights() -> None:
    middle, dark, bright = damage.bracket(clean(), generator())
    truth = damage.SCENE_WHITE * light.decode(torch.from_numpy(clean())).numpy()
    clipped = truth > 1.1
    assert 0.02 < clipped.mean() < 0.9
    assert middle[clipped].min() > 0.95 and bright[truth > 0.3].min() > 0.95
    assert dark.max() < 0.75
    read = [light.decode(torch.from_numpy(p.copy())).numpy() for p in (dark, middle, bright)]
    shadows = (0.02 < truth) & (truth < 0.2)
    for linear, factor in zip(read, (0.25, 1.0, 4.0), strict=True):
        assert np.median(linear[shadows] / truth[shadows]) == pytest.approx(factor, rel=0.05)


def test_a_bracket_is_judged_as_the_light_of_the_scene() -> None:
    """What the task merges without any noise removed is the clean crop, whatever its tone curve
    shows of it; and merging goes before any one exposure."""
    spoilt = damaged(CASES["hdr"])
    with torch.no_grad():
        x0 = spoilt.problem.degradation.initial(spoilt.problem.y)
    assert metrics.psnr(spoilt.seen(x0), clean()) > 33
    shown = ((x0[0].permute(1, 2, 0).numpy() + 1) / 2).clip(0, 1)
    assert metrics.psnr(shown, clean()) < 25
    merged = metrics.psnr(spoilt.trivial["merged"](), clean())
    assert merged > metrics.psnr(spoilt.trivial["input"](), clean()) + 3


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.judges_grey])
def test_lost_colours_leave_the_grey_to_be_judged(name: str) -> None:
    spoilt = damaged(CASES[name])
    assert np.ptp(spoilt.y, axis=2).max() < 1e-6
    with_clean_grey = np.repeat(clean().mean(axis=2, keepdims=True), 3, axis=2)
    assert metrics.psnr_of_grey(with_clean_grey, clean()) > 100
    assert metrics.psnr(with_clean_grey, clean()) < 30


def test_a_tenth_of_the_pixels_is_missing() -> None:
    spoilt = damaged(CASES["grey-missing-10"])
    assert (spoilt.y.max(axis=2) == 0).mean() == pytest.approx(0.1, abs=0.002)
    assert spoilt.problem.degradation.estimate()["missing_share"] == pytest.approx(0.1, abs=0.001)


def test_a_blur_that_is_not_told_is_the_same_blur() -> None:
    told, blind = damaged(CASES["motion-blur"]), damaged(CASES["blind-motion"])
    assert np.array_equal(told.y, blind.y) and not blind.told
    assert blind.problem.degradation.learns_at_every_level


def test_published_constants_are_those_of_the_cases_that_were_published() -> None:
    published = {name for name, case in CASES.items() if damaged(case).problem.published}
    assert published >= {"inpainting-25", "deblurring", "sr4-mean", "grey"}
    assert not published & {"hdr", "low-light", "noise-25", "jpeg-20", "grey-blur"}
