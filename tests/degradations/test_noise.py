"""The noise estimate on pictures whose noise is known."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from gdp_desktop.degradations.light import decode, encode
from gdp_desktop.degradations.noise import (
    estimate_noise,
    noise_to_remove,
    shared_by_channels,
    white_noise,
)
from gdp_desktop.diffusion.resampling import halved

LEVELS = 4


def ramp(height: int = 256, width: int = 320) -> torch.Tensor:
    """Brightness rising smoothly to the right, colour changing downwards."""
    x = torch.linspace(-0.6, 0.6, width).view(1, 1, 1, -1).expand(1, 3, height, width)
    return x + torch.linspace(-0.1, 0.1, height).view(1, 1, -1, 1)


def noisy(sigma: float, seed: int = 0) -> torch.Tensor:
    clean = ramp()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean + sigma / 127.5 * noise


def as_jpeg(y: torch.Tensor, quality: int) -> torch.Tensor:
    """Rounded, saved with colours at half size, and read again."""
    pixels = ((y[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    read = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None]
    return read.float() / 127.5 - 1


def deviations(noise: torch.Tensor, levels: int) -> list[float]:
    """Standard deviation of a picture of noise and of its halvings."""
    found = []
    for _ in range(levels):
        found.append(float(noise.square().mean().sqrt()))
        noise = halved(noise)
    return found


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
    found = [white_noise(noisy(sigma)) for sigma in (0.5, 1, 2, 4, 8, 16, 32)]
    assert found == sorted(found)


def test_structure_is_not_taken_for_noise() -> None:
    textured = noisy(3)
    textured[..., :, :160] += 0.3 * torch.sign(torch.randn(1, 1, 256, 160))
    assert 127.5 * white_noise(textured) == pytest.approx(3, rel=0.25)


def test_clipped_parts_do_not_hide_the_noise() -> None:
    half = noisy(8)
    half[..., 128:, :] = 1.0
    assert 127.5 * white_noise(half) == pytest.approx(8, rel=0.15)


def test_a_picture_without_noise_has_none() -> None:
    assert 127.5 * estimate_noise(ramp(), LEVELS)[0] < 0.6
    waves = torch.sin(torch.arange(256.0) / 40).view(1, 1, 1, -1).expand(1, 3, 256, 256) * 0.5
    assert 127.5 * estimate_noise(waves, LEVELS)[0] < 1


def test_a_drawing_with_flat_and_hatched_parts_has_no_noise() -> None:
    drawing = torch.full((1, 3, 256, 256), 0.2)
    drawing[..., :128, ::2] = -0.2
    assert 127.5 * white_noise(drawing) < 1


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
    assert 127.5 * white_noise(grey) == pytest.approx(10, rel=0.35)


@pytest.mark.parametrize("factor", [1 / 3, 1 / 12])
def test_the_noise_of_photons_is_measured_where_the_photo_is_dark(factor: float) -> None:
    light = factor * decode((ramp() + 1) / 2)
    generator = torch.Generator().manual_seed(0)
    dark = 2 * encode(torch.poisson(3000 * light, generator=generator) / 3000) - 1
    noise = dark - (2 * encode(light) - 1)
    assert white_noise(dark) == pytest.approx(deviations(noise, 1)[0], rel=0.2)
    assert noise_to_remove(dark, LEVELS) == (white_noise(dark), 0)


@pytest.mark.parametrize("quality", [75, 85, 95])
@pytest.mark.parametrize("sigma", [3, 6, 12])
def test_what_a_jpeg_left_of_noise_is_found_at_every_level(quality: int, sigma: float) -> None:
    jpeg = as_jpeg(noisy(sigma), quality)
    found, truth = noise_to_remove(jpeg, LEVELS), deviations(jpeg - ramp(), 3)
    assert found[0] == pytest.approx(truth[0], rel=0.35)
    # A fine JPEG of strong noise leaves it white.
    assert found[1] == 0 if quality == 95 and sigma > 3 else found[1] > 0
    for sigma_y, true in zip(found[1:], truth[1:], strict=False):
        assert sigma_y in (0, pytest.approx(true, rel=0.5))


@pytest.mark.parametrize("quality", [75, 90])
def test_more_noise_is_found_to_be_more_in_a_jpeg(quality: int) -> None:
    found = [noise_to_remove(as_jpeg(noisy(sigma), quality), LEVELS) for sigma in (3, 5, 8, 13)]
    assert [at[0] for at in found] == sorted(at[0] for at in found)
    for level in (1, 2):
        removed = [at[level] for at in found if at[1] > 0]
        assert len(removed) >= 3 and removed == sorted(removed)


@pytest.mark.parametrize("sigma", [2, 20])
def test_white_noise_is_removed_at_full_size_alone(sigma: float) -> None:
    """Also where half of the photo has a texture that half the size takes for noise."""
    textured = noisy(sigma)
    waves = torch.sin(torch.arange(320.0) * 2 * math.pi / 5)
    textured += 3 * sigma / 127.5 * waves * torch.sin(torch.arange(256.0) * 1.3).view(-1, 1)
    measured = estimate_noise(textured, LEVELS)
    assert measured[1] > 0.65 * measured[0]
    for y in (noisy(sigma), textured):
        assert noise_to_remove(y, LEVELS) == (white_noise(y), 0)


def test_all_of_shared_noise_is_removed_and_its_finest_band_is_the_least_of_it() -> None:
    shared = torch.randn(1, 3, 300, 300, generator=torch.Generator().manual_seed(3))
    shared = 8 / 127.5 * torch.nn.functional.avg_pool2d(shared, 3, stride=1)[..., :256, :256]
    finest, whole = estimate_noise(shared, LEVELS), noise_to_remove(shared, LEVELS)
    assert len(finest) == len(whole)
    assert all(a <= b * (1 + 1e-6) for a, b in zip(finest, whole, strict=True))
    for found, true in zip(whole, deviations(shared, 3), strict=False):
        assert found == pytest.approx(true, rel=0.3)


def test_noise_that_all_channels_share_is_told_from_their_own() -> None:
    """Black-and-white, toned, and a JPEG with less colour than light share it; others do not."""
    tones = torch.tensor([1.0, 0.9, 0.75]).view(1, 3, 1, 1)
    grey = noisy(12).mean(dim=1, keepdim=True).expand(1, 3, -1, -1)
    grain = torch.randn(1, 1, *ramp().shape[-2:], generator=torch.Generator().manual_seed(4))
    shared = ramp().mean(dim=1, keepdim=True) + 12 / 127.5 * grain
    toned = (shared.expand(1, 3, -1, -1) + 1) * tones - 1
    assert shared_by_channels(grey) == shared_by_channels(torch.zeros(1, 3, 9, 9)) == 3**0.5
    assert shared_by_channels(toned) == pytest.approx(1.66, abs=0.07)
    assert shared_by_channels(as_jpeg(noisy(12), 92)) > 1.6
    assert [shared_by_channels(noisy(sigma)) for sigma in (2, 5, 12, 25)] == [1.0] * 4


@pytest.mark.parametrize("tone", [0.92, -0.87])
@pytest.mark.parametrize("bars", [False, True])
def test_a_frame_of_one_tone_does_not_make_a_photo_a_drawing(tone: float, bars: bool) -> None:
    photo = noisy(12)
    height, width = photo.shape[-2:]
    framed = torch.full((1, 3, height + 256, width + (0 if bars else 256)), tone)
    left = 0 if bars else 128
    framed[..., 128 : 128 + height, left : left + width] = photo
    assert 127.5 * white_noise(framed) == pytest.approx(127.5 * white_noise(photo), rel=0.05)


def test_rounding_does_not_decide_in_which_band_a_block_is() -> None:
    """Blocks whose mean lies between two grey levels, where a band could end, among darker ones
    with less noise and brighter ones with more."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for low, high in ((18.0, 20.0), (23.0, 28.0), (31.0, 39.0)):  # the middle one has 25.5
        block = torch.tensor([low, high]).repeat(32)
        blocks = [block[torch.randperm(64, generator=generator)].view(8, 8) for _ in range(256)]
        rows.append(torch.cat([torch.cat(blocks[k : k + 32], dim=1) for k in range(0, 256, 32)]))
    grey = torch.cat(rows)[None, None].expand(1, 3, -1, -1)
    y = grey / 127.5 - 1
    estimates = [estimate_noise(y + shift)[0] for shift in (-2e-6, -1e-6, 0.0, 1e-6, 2e-6)]
    assert estimates == pytest.approx([estimates[0]] * 5, rel=1e-3)
