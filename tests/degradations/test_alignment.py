"""Photos taken by hand are laid on one another, whatever their exposure and their noise."""

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.alignment import agreement, shift_between, shifted_back, trust
from gdp_desktop.degradations.light import decode, encode


def scene(height: int = 260, width: int = 300, finest: int = 40, seed: int = 0) -> torch.Tensor:
    """Shapes of several sizes, ``finest`` of the smallest in a row, (1, 3, H, W) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        F.interpolate(torch.rand(1, 3, n, n, generator=generator), size=(height, width),
                      mode="bilinear")
        for n in (5, 12, finest)
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


def test_the_shift_of_a_large_photo_is_found_to_the_pixel() -> None:
    """From small copies, over all sizes between, to its own."""
    whole = scene(841, 1134, finest=160)
    reference, moved = whole[..., 41:841, 67:1067], whole[..., :800, 134:1134]
    assert shift_between(reference, moved) == (41, -67)


def test_a_photo_that_is_black_for_the_most_part_is_laid_by_the_rest() -> None:
    night = scene()
    night = (3 * (night - night.quantile(0.6)) - 1).clamp(min=-1)
    reference, moved = seen_from(night, 0, 0), seen_from(night, -7, 12)
    assert all(float(photo.median()) == -1 for photo in (reference, moved))
    assert shift_between(reference, moved) == (7, -12)


def test_what_one_photo_shows_white_is_laid_by_the_rest() -> None:
    def taken(down: int, right: int, light: float) -> torch.Tensor:
        seen = (seen_from(scene(), down, right) + 1) / 2
        return 2 * encode(light * decode(seen)).clamp(0, 1) - 1

    reference, moved = taken(0, 0, 1.0), taken(-2, 3, 12.0)
    assert float((moved == 1).float().mean()) > 0.5
    assert shift_between(reference, moved) == (2, -3)


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


def test_an_edge_laid_half_a_pixel_off_still_agrees() -> None:
    edge = torch.full((1, 3, 32, 32), -0.6)
    edge[..., 16:] = 0.6
    off = (edge + edge.roll(1, dims=-1)) / 2
    off[..., 0] = -0.6
    assert bool((agreement(edge, off, sigma=0.01) == 1).all())


def test_photos_are_trusted_as_far_as_their_noise_may_be_measured_too_low() -> None:
    """Not however much they differ: then they show different things."""
    photo, seen, generator = seen_from(scene(), 0, 0), torch.ones(1, 1, 200, 200), torch.Generator()
    for times, trusted in ((1.7, True), (3.0, False)):
        noisy = [photo + times * 0.02 * torch.randn(photo.shape, generator=generator.manual_seed(k))
                 for k in (0, 1)]
        weight = float(trust(*noisy, seen, sigma=0.02).mean())
        assert weight > 0.9 if trusted else weight < 0.1


def test_what_moved_is_not_trusted_nor_is_its_rim() -> None:
    still = seen_from(scene(), 0, 0)
    moved = still.clone()
    moved[..., 60:100, 80:120] += 1
    weight = trust(still, moved, torch.ones(1, 1, 200, 200), sigma=0.01)
    rim = torch.ones_like(weight)
    # The means of 5 pixels still see it two off, and one more is left out.
    rim[..., 57:103, 77:123] = 0
    assert torch.equal(weight, rim)


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
