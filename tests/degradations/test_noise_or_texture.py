"""White noise told apart from texture, with the prior that comes along."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from gdp_desktop.degradations.noise import white_noise
from gdp_desktop.degradations.noise_or_texture import WhiteNoise, told_apart
from gdp_desktop.diffusion.prior import Denoised, Prior
from gdp_desktop.restoration.priors import load_prior
from tests.gaussian_prior import GaussianPrior

SIDE = 192


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("", "cpu").prior


def shapes(side: int = SIDE, texture: float = 0.0) -> torch.Tensor:
    """Soft and sharp shapes of several colours, (1, 3, side, side); gravel of RMS ``texture`` of
    255 all over."""
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.uniform(60, 190, (4, 4, 3)).astype(np.float32), (side, side))
    for _ in range(12):
        centre = tuple(int(n) for n in rng.integers(0, side, 2))
        colour = tuple(float(c) for c in rng.uniform(40, 210, 3))
        cv2.circle(picture, centre, int(rng.integers(8, 40)), colour, -1, cv2.LINE_AA)
    gravel = cv2.GaussianBlur(rng.standard_normal((side, side)), (0, 0), 0.9)
    picture = picture + (texture * gravel / gravel.std())[..., None]
    return torch.from_numpy(picture / 127.5 - 1).permute(2, 0, 1)[None].float()


def rounded(y: torch.Tensor) -> torch.Tensor:
    return (127.5 * (y.clamp(-1, 1) + 1)).round() / 127.5 - 1


def noise(sigma: float, channels: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return sigma / 127.5 * torch.randn(1, channels, SIDE, SIDE, generator=generator)


def found_in(y: torch.Tensor, prior: Prior) -> WhiteNoise | None:
    return told_apart(rounded(y), prior)


@pytest.mark.parametrize("texture", [0, 6])
@pytest.mark.parametrize("sigma", [3, 8, 20])
def test_noise_is_found_beside_texture(sigma: float, texture: float, prior: Prior) -> None:
    found = found_in(shapes(texture=texture) + noise(sigma), prior)
    assert found is not None and found.shared == 1
    assert 127.5 * found.told == pytest.approx(sigma, rel=0.3)


def test_texture_is_not_taken_for_noise(prior: Prior) -> None:
    """By its flattest blocks it is noise."""
    busy = rounded(shapes(texture=12))
    assert 127.5 * white_noise(busy) > 3
    assert told_apart(busy, prior) is None


@pytest.mark.parametrize("sigma", [4, 10])
@pytest.mark.parametrize("tones", [(1.0, 1.0, 1.0), (1.0, 0.9, 0.75)])
def test_noise_that_all_channels_have_is_told_as_stronger(
    sigma: float, tones: tuple[float, ...], prior: Prior
) -> None:
    """Black and white, and toned."""
    grey = shapes().mean(dim=1, keepdim=True) + noise(sigma, 1)
    found = found_in((grey + 1) * torch.tensor(tones).view(1, 3, 1, 1) - 1, prior)
    assert found is not None and found.shared == 3**0.5
    assert 127.5 * found.sigma == pytest.approx(sigma * sum(tones) / 3, rel=0.3)


def test_noise_that_neighbours_share_is_not_white(prior: Prior) -> None:
    shared = cv2.GaussianBlur(noise(12)[0].permute(1, 2, 0).numpy(), (0, 0), 0.8)
    y = shapes() + torch.from_numpy(shared).permute(2, 0, 1)[None]
    assert 127.5 * white_noise(y) > 2
    assert found_in(y, prior) is None


@pytest.mark.parametrize("y", [
    torch.ones(1, 3, 64, 64), torch.zeros(1, 3, 64, 64), noise(8)[..., :3, :3],
    torch.full((1, 3, 64, 64), 0.99) + noise(1)[..., :64, :64],
], ids=["white", "of one tone", "smaller than a stride", "all but clipped"])
def test_of_what_says_nothing_nothing_is_found(y: torch.Tensor, prior: Prior) -> None:
    assert told_apart(y, prior) is None


class Asked(GaussianPrior):
    """Remembers what it was asked about."""

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        asked.append(x_t / self.schedule.alpha(i))
        return super().__call__(x_t, i)


asked: list[torch.Tensor] = []


def test_a_large_photo_is_asked_about_in_all_four_quarters() -> None:
    """No more of it than of a small one, and the middle of each."""
    rows, columns = torch.arange(640.0)[:, None], torch.arange(800.0)
    place = torch.stack(torch.broadcast_tensors(rows, columns, noise(1)[0, 0, :1, :1])) / 1000
    y = (place + 0.3 * torch.randn(place.shape, generator=torch.Generator().manual_seed(0)))[None]
    asked.clear()
    told_apart(y - 0.5, Asked(0.0, 0.1))
    assert {tuple(patches.shape) for patches in asked} == {(4, 3, SIDE, SIDE)}
    middles = [(patch[0].mean(), patch[1].mean()) for patch in asked[0] + 0.5]
    assert [(round(10 * float(a)) / 10, round(10 * float(b)) / 10) for a, b in middles] == [
        (0.2, 0.2), (0.2, 0.6), (0.5, 0.2), (0.5, 0.6)]
