"""The noise estimate on pictures whose noise is known."""

import math

import pytest
import torch

from gdp_desktop.diffusion.noise import estimate_noise

LEVELS = 4


def ramp(height: int = 256, width: int = 320) -> torch.Tensor:
    """Brightness rising smoothly to the right, colour changing downwards."""
    x = torch.linspace(-0.6, 0.6, width).view(1, 1, 1, -1).expand(1, 3, height, width)
    return x + torch.linspace(-0.1, 0.1, height).view(1, 1, -1, 1)


def noisy(sigma: float, seed: int = 0) -> torch.Tensor:
    clean = ramp()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean + sigma / 127.5 * noise


@pytest.mark.parametrize("sigma", [2, 5, 10, 20])
@pytest.mark.parametrize("seed", [0, 1])
def test_white_noise_is_measured_within_fifteen_per_cent(sigma: float, seed: int) -> None:
    found = estimate_noise(noisy(sigma, seed), LEVELS)
    assert 127.5 * found[0] == pytest.approx(sigma, rel=0.15)


def test_white_noise_halves_from_level_to_level() -> None:
    found = estimate_noise(noisy(20), 3)
    assert len(found) == 3
    for finer, coarser in zip(found, found[1:], strict=False):
        assert coarser / finer == pytest.approx(0.5, rel=0.2)


def test_more_noise_is_found_to_be_more() -> None:
    found = [estimate_noise(noisy(sigma), 1)[0] for sigma in (0.5, 1, 2, 4, 8, 16, 32)]
    assert found == sorted(found)


def test_structure_is_not_taken_for_noise() -> None:
    textured = noisy(3)
    textured[..., :, :160] += 0.3 * torch.sign(torch.randn(1, 1, 256, 160))
    assert 127.5 * estimate_noise(textured, 1)[0] == pytest.approx(3, rel=0.25)


def test_clipped_parts_do_not_hide_the_noise() -> None:
    half = noisy(8)
    half[..., 128:, :] = 1.0
    assert 127.5 * estimate_noise(half, 1)[0] == pytest.approx(8, rel=0.15)


def test_a_picture_without_noise_has_none() -> None:
    assert 127.5 * estimate_noise(ramp(), LEVELS)[0] < 0.6
    waves = torch.sin(torch.arange(256.0) / 40).view(1, 1, 1, -1).expand(1, 3, 256, 256) * 0.5
    assert 127.5 * estimate_noise(waves, LEVELS)[0] < 1


def test_a_drawing_with_flat_and_hatched_parts_has_no_noise() -> None:
    drawing = torch.full((1, 3, 256, 256), 0.2)
    drawing[..., :128, ::2] = -0.2
    assert 127.5 * estimate_noise(drawing, 1)[0] < 1


def test_a_picture_of_one_pixel_has_no_noise_at_any_level() -> None:
    assert set(estimate_noise(torch.zeros(1, 3, 1, 1), 8)) == {0.0}
    assert set(estimate_noise(torch.zeros(1, 3, 1, 90), 8)) == {0.0}


@pytest.mark.parametrize("shape", [(5, 3), (7, 7), (8, 8), (9, 31), (33, 65),
                                   (2, 400), (127, 64)])
@pytest.mark.parametrize("kind", ["black", "white", "grey", "noise", "bits"])
def test_any_picture_gives_finite_numbers(shape: tuple[int, int], kind: str) -> None:
    values = {"black": -1.0, "white": 1.0, "grey": 0.1}
    picture = torch.full((1, 3, *shape), values.get(kind, 0.0))
    if kind == "noise":
        picture = torch.randn(picture.shape).clamp(-1, 1)
    if kind == "bits":
        picture = torch.randn(picture.shape).sign()
    found = estimate_noise(picture, 8)
    assert 1 <= len(found) <= 8
    assert all(math.isfinite(sigma) and sigma >= 0 for sigma in found)
    if kind in values:
        assert set(found) == {0.0}


def test_one_channel_will_do() -> None:
    grey = noisy(10)[:, :1]
    assert 127.5 * estimate_noise(grey, 1)[0] == pytest.approx(10, rel=0.35)
