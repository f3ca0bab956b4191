"""Pictures that a prior makes by itself."""

import numpy as np

from gdp_desktop.restoration.sample_sheet import MARGIN, samples, sheet
from tests.gaussian_prior import GaussianPrior


def test_samples_are_distributed_as_the_prior_says() -> None:
    pictures = np.stack(list(samples(GaussianPrior(0.2, 0.3), 4, 32, 100, seed=0)))
    values = pictures / 127.5 - 1
    # 12 000 values: the mean is known to 0.003; a respaced walk is a little too narrow.
    assert abs(values.mean() - 0.2) < 0.02 and abs(values.std() - 0.3) < 0.03


def test_of_pure_noise_a_single_step_knows_the_mean_alone() -> None:
    (picture,) = samples(GaussianPrior(0.2, 0.3), 1, 32, 1, seed=0)
    assert np.abs(picture / 127.5 - 1 - 0.2).max() < 0.03


def test_a_picture_has_its_own_seed() -> None:
    prior = GaussianPrior(0.0, 0.3)
    three = list(samples(prior, 3, 8, 5, seed=4))
    assert np.array_equal(three[1], next(samples(prior, 1, 8, 5, seed=5)))
    assert not np.array_equal(three[0], three[1])


def test_a_sheet_shows_every_picture_once() -> None:
    pictures = [np.full((6, 5, 3), n, np.uint8) for n in range(5)]
    page = sheet(pictures, columns=3)
    assert page.shape == (2 * 6 + 3 * MARGIN, 3 * 5 + 4 * MARGIN, 3)
    assert all((page == n).sum() == 6 * 5 * 3 for n in range(5))
