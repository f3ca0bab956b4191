"""Photos taken by hand are laid on one another, whatever their exposure and their noise."""

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.alignment import agreement, shift_between, shifted_back
from gdp_desktop.diffusion.light import decode, encode


def scene(height: int = 260, width: int = 300, seed: int = 0) -> torch.Tensor:
    """Shapes of several sizes, (1, 3, H, W) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        F.interpolate(torch.rand(1, 3, n, n, generator=generator), size=(height, width),
                      mode="bilinear")
        for n in (5, 12, 40)
    ]
    return 2 * (0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]) - 1


def seen_from(whole: torch.Tensor, down: int, right: int, side: int = 200) -> torch.Tensor:
    return whole[..., 30 + down : 30 + down + side, 40 + right : 40 + right + side]


SHIFTS = [(0, 0), (1, 0), (0, -3), (7, -12), (-23, 5), (28, 30)]


@pytest.mark.parametrize("shift", SHIFTS, ids=str)
@pytest.mark.parametrize("exposure", [1.0, 0.2, 3.0])
@pytest.mark.parametrize("noise", [0.0, 0.04])
def test_a_known_shift_is_found(shift: tuple[int, int], exposure: float, noise: float) -> None:
    whole, generator = scene(), torch.Generator().manual_seed(1)

    def taken(down: int, right: int, light: float) -> torch.Tensor:
        seen = (seen_from(whole, down, right) + 1) / 2
        photo = 2 * encode(light * decode(seen)) - 1
        return (photo + noise * torch.randn(photo.shape, generator=generator)).clamp(-1, 1)

    reference, moved = taken(0, 0, 1.0), taken(-shift[0], -shift[1], exposure)
    found = shift_between(reference, moved)
    # Noise of 5 of 255 hides the last pixel in a scene as soft as this one.
    assert max(abs(f - s) for f, s in zip(found, shift, strict=True)) <= (noise > 0)


@pytest.mark.parametrize("shift", SHIFTS, ids=str)
def test_laying_back_undoes_the_shift(shift: tuple[int, int]) -> None:
    whole = scene()
    reference, moved = seen_from(whole, 0, 0), seen_from(whole, -shift[0], -shift[1])
    laid, seen = shifted_back(moved, shift)
    assert torch.equal(laid, seen * reference)
    share = (1 - abs(shift[0]) / 200) * (1 - abs(shift[1]) / 200)
    assert float(seen.mean()) == pytest.approx(share)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (8, 48), (64, 64)])
def test_a_flat_picture_is_not_shifted(value: float, shape: tuple[int, int]) -> None:
    flat = torch.full((1, 3, *shape), value)
    assert shift_between(flat, flat) == (0, 0)


def test_what_moved_does_not_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    still = seen_from(scene(), 0, 0)
    noisy = [still + 0.1 * torch.randn(still.shape, generator=generator) for _ in range(2)]
    assert float(agreement(*noisy, sigma=0.1).mean()) > 0.999
    noisy[1][..., 60:100, 80:120] = 0.9
    agreed = agreement(*noisy, sigma=0.1)
    assert float(agreed[..., 65:95, 85:115].mean()) < 0.05
    assert float(agreed[..., :50, :].mean()) > 0.999


@pytest.mark.parametrize("exposure", [0.25, 1.0, 4.0, 16.0, 64.0])
@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1])
def test_what_did_not_move_is_not_shifted(exposure: float, noise: float) -> None:
    """Most of the longest exposures is white, and white tells no shift."""
    generator = torch.Generator().manual_seed(2)
    still = (seen_from(scene(), 0, 0) + 1) / 2

    def taken(light: float) -> torch.Tensor:
        photo = 2 * encode(light * decode(still)).clamp(0, 1) - 1
        return (photo + noise * torch.randn(photo.shape, generator=generator)).clamp(-1, 1)

    assert shift_between(taken(1.0), taken(exposure)) == (0, 0)


def test_noise_alone_is_no_shift() -> None:
    generator = torch.Generator().manual_seed(3)
    for _ in range(8):
        photos = 0.2 * torch.randn(2, 3, 64, 64, generator=generator)
        assert shift_between(photos[:1], photos[1:]) == (0, 0)
