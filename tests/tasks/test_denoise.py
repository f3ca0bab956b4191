"""Denoise: what of a photo counts as noise."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.tasks.denoise import NONE_FOUND, TASK
from gdp_desktop.tasks.task import Given, Problem
from tests.degradations.test_noise_or_texture import SIDE, noise, rounded, shapes


def posed(y: torch.Tensor, **values: float) -> Problem:
    prior = load_prior("", "cpu").prior
    with torch.no_grad():
        return TASK.pose(Given(y, prior=prior), TASK.values(values))


def cloth() -> torch.Tensor:
    """Threads as fine as noise, across and along."""
    thread = torch.sin(2 * torch.pi / 2.7 * torch.arange(float(SIDE)))
    return rounded(shapes() + 16 / 127.5 * thread * thread[:, None])


@pytest.mark.parametrize(("y", "sigma"), [(shapes(), 8), (shapes(texture=6), 4)])
def test_on_auto_white_noise_is_removed_at_full_size(y: torch.Tensor, sigma: float) -> None:
    problem = posed(rounded(y + noise(sigma)))
    assert 127.5 * problem.sigma_y[0] == pytest.approx(sigma, rel=0.3)
    assert problem.sigma_y[1:] == (0,) and not problem.notes


def test_texture_that_looks_white_stays_and_the_user_is_told() -> None:
    y = cloth()
    with torch.no_grad():
        alone = TASK.pose(Given(y), TASK.values({}))
    assert 127.5 * alone.sigma_y[0] > 3 and alone.sigma_y[1:] == (0,)
    problem = posed(y)
    assert not any(problem.sigma_y) and problem.notes == (NONE_FOUND,)
    assert 127.5 * posed(y, sigma=5).sigma_y[0] > 4.9


def test_noise_too_faint_to_ask_about_is_removed_as_measured() -> None:
    problem = posed(rounded(shapes() + noise(1)))
    assert 0.5 < 127.5 * problem.sigma_y[0] < 1.3 and not problem.notes
