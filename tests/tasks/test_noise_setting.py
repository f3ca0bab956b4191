"""Noise beside other damage: found and removed first, or reckoned with."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.restoration.priors import load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Given, Problem
from tests.degradations.test_noise_or_texture import noise, rounded, shapes

LEAST = 1 / 127.5
NOISY = rounded(shapes() + noise(8))

both = pytest.mark.parametrize("task", ["deblurring", "super-resolution"])


def posed(task: str, y: torch.Tensor, *, asked: bool = True, **values: object) -> Problem:
    prior: Prior | None = load_prior("", "cpu").prior if asked else None
    chosen = task_named(task)
    with torch.no_grad():
        return chosen.pose(Given(y, prior=prior), chosen.values(values))


@both
def test_what_is_found_is_removed_first_and_told(task: str) -> None:
    problem = posed(task, NOISY)
    assert 127.5 * problem.noise_first == pytest.approx(8, rel=0.2)
    assert set(problem.sigma_y) == {0.2 * problem.noise_first}
    [note] = problem.notes
    assert f"{127.5 * problem.noise_first:.1f} of 255" in note


@both
def test_what_is_stated_counts_instead(task: str) -> None:
    problem = posed(task, NOISY, noise=12)
    assert 127.5 * problem.noise_first == pytest.approx(12) and not problem.notes
    assert posed(task, NOISY, noise=12, asked=False).noise_first == problem.noise_first
    assert posed(task, NOISY, noise=0.5).noise_first == 0
    assert set(posed(task, NOISY, noise=3).sigma_y) == {LEAST}


@both
def test_what_the_prior_does_not_take_for_noise_is_matched_less_strictly(task: str) -> None:
    problem = posed(task, rounded(shapes(texture=12)), noise=12)
    assert problem.noise_first == 0 and set(problem.sigma_y) == {12 / 127.5}


@both
def test_a_clean_photo_is_matched_to_what_a_photo_is_sure_of(task: str) -> None:
    problem = posed(task, rounded(shapes()))
    assert problem.noise_first == 0 and set(problem.sigma_y) == {LEAST} and not problem.notes


def test_an_unknown_blur_is_looked_for_in_the_photo_as_it_is() -> None:
    problem = posed("deblurring", NOISY, kind="blind", size=9)
    assert problem.noise_first == 0 and 127.5 * problem.sigma_y[0] == pytest.approx(8, rel=0.2)


@both
def test_cancelling_ends_the_asking(task: str) -> None:
    asked: list[None] = []

    def cancelled() -> None:
        asked.append(None)
        if len(asked) > 1:
            raise InterruptedError

    chosen = task_named(task)
    given = Given(rounded(shapes(texture=12)), prior=load_prior("", "cpu").prior,
                  raise_if_cancelled=cancelled)
    with torch.no_grad(), pytest.raises(InterruptedError):
        chosen.pose(given, chosen.values({}))
    assert len(asked) == 2


@both
def test_without_a_prior_to_ask_noise_that_neighbours_share_is_not_removed_first(
    task: str,
) -> None:
    blurred = F.avg_pool2d(F.pad(NOISY, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    problem = posed(task, blurred, asked=False, noise=8)
    assert problem.noise_first == 0 and set(problem.sigma_y) == {8 / 127.5}
