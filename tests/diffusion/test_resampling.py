"""Whole factors: 2×2 means, block means and their way back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.resampling import block_mean, enlarged, halved, spread


def picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(2, 2), (6, 10), (64, 38)])
def test_halving_is_pooling(height: int, width: int) -> None:
    image = picture(height, width)
    expected = F.avg_pool2d(image, 2)
    torch.testing.assert_close(halved(image), expected)
    torch.testing.assert_close(block_mean(image, 2), expected)
    # Of a part of something larger, and of other numbers.
    part = picture(height + 3, width + 5)[..., 3:, 1 : 1 + width]
    torch.testing.assert_close(halved(part), F.avg_pool2d(part, 2))
    assert halved(image.double()).dtype == torch.float64


def test_what_is_left_over_does_not_count_in_block_means() -> None:
    image = picture(7, 9)
    torch.testing.assert_close(block_mean(image, 2), F.avg_pool2d(image, 2))
    torch.testing.assert_close(block_mean(image, 3), F.avg_pool2d(image, 3))


@pytest.mark.parametrize("side", [2, 3, 4])
def test_a_spread_picture_has_the_block_means_it_came_from(side: int) -> None:
    image = picture(5, 4)
    torch.testing.assert_close(block_mean(spread(image, side), side), image)


def test_enlarging_is_bicubic() -> None:
    image = picture(6, 5)
    expected = F.interpolate(image, scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(enlarged(image), expected)
