"""The sizes of a photo that a problem is solved at, and what is said at each of them."""

import pytest
import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.levels import levels_of
from gdp_desktop.tasks.task import Problem

PROBLEM = Problem(
    torch.zeros(1, 3, 32, 32), Degradation(), (0.4,),
    start_sigma=0.7, coarse_sigma=0.3, coarse_steps=20,
)


def test_noise_is_halved_with_the_photo() -> None:
    levels = levels_of(PROBLEM, Size(32, 32), 3, 5)
    assert [level.sigma_y for level in levels] == pytest.approx([0.4, 0.2, 0.1])


def test_the_coarsest_size_starts_and_steps_in_its_own_way() -> None:
    levels = levels_of(PROBLEM, Size(32, 32), 3, 5)
    assert [level.start_sigma for level in levels] == [0.7, 0.7, 0.3]
    assert [level.steps for level in levels] == [5, 5, 20]
