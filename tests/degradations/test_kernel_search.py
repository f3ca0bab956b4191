"""The kernel of an unknown blur is found in the blurred photo alone."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.degradations import kernel_search
from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernel_search import (
    KernelSearch,
    edges_alone,
    growing_sides,
    richest_part,
    taps_at_work,
    with_ends_that_meet,
    without_islands,
)
from gdp_desktop.degradations.kernels import (
    fitted_into,
    gaussian_kernel,
    halved_kernel,
    moments,
    motion_kernel,
    transfer,
)
from tests.degradations.test_blur import blocks, likeness

SIZE = 13
KERNELS = {"level": motion_kernel(9, 0), "rising": motion_kernel(8, 40),
           "Gaussian": gaussian_kernel(1.5)}


def photographed(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Blurred, with a little noise, rounded to 8 bits."""
    y = Blur(kernel)(x.float())
    y = y + torch.randn(y.shape, generator=torch.Generator().manual_seed(3)) / 127.5
    return (y * 127.5).round() / 127.5


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_found_in_the_blurred_picture(name: str) -> None:
    kernel = KERNELS[name]
    found = KernelSearch(photographed(blocks(), kernel), SIZE).kernel
    assert found is not None and found.shape == (SIZE, SIZE)
    assert float(found.min()) >= 0 and float(found.sum()) == pytest.approx(1)
    assert likeness(found, kernel) > 0.9
    # A point, which would explain the picture as well, is far from it.
    assert likeness(torch.ones(1, 1), kernel) < 0.6


def test_without_blur_there_is_next_to_none() -> None:
    found = KernelSearch(photographed(blocks(), torch.ones(1, 1)), SIZE).kernel
    assert found is not None
    along, across, _ = moments(found)
    assert max(along, across) < 0.7


@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0])
def test_without_edges_there_is_nothing_to_be_found(value: float) -> None:
    assert KernelSearch(torch.full((1, 3, 30, 40), value), SIZE).kernel is None


def test_a_search_that_lost_its_way_found_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    y = photographed(blocks(), KERNELS["rising"])
    assert KernelSearch(y, SIZE).kernel is not None
    even = torch.full((SIZE, SIZE), SIZE**-2, dtype=torch.float64)
    monkeypatch.setattr(kernel_search, "refined", lambda grey, kernel, weight, _: (even, weight))
    assert KernelSearch(y, SIZE).kernel is None


@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_a_search_that_is_cancelled_ends_at_its_next_round(rounds: int) -> None:
    begun: list[int] = []

    def raise_if_cancelled() -> None:
        begun.append(len(begun))
        if len(begun) > rounds:
            raise InterruptedError

    search = KernelSearch(photographed(blocks(), KERNELS["level"]), SIZE, raise_if_cancelled)
    with pytest.raises(InterruptedError):
        _ = search.kernel
    assert len(begun) == rounds + 1


@pytest.mark.parametrize("length", [1, 5, 12])
def test_taps_are_counted_by_their_light(length: int) -> None:
    even = torch.zeros(15, 15)
    even[7, :length] = 1 / length
    assert taps_at_work(even) == pytest.approx(length)


def test_the_photo_is_searched_once_for_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = KERNELS["level"]
    y = photographed(blocks(), kernel)
    fine = BlindBlur(SIZE, search=KernelSearch(y, SIZE))
    coarse = fine.shrunk()
    coarse.fit(y, y)
    assert likeness(coarse.kernel, halved_kernel(kernel)) > 0.85
    monkeypatch.setattr(kernel_search, "refined", None)
    fine.adopt(coarse)
    fine.fit(y, y)
    assert likeness(fine.kernel, kernel) > 0.9


@pytest.mark.parametrize("size", [3, 5, 13, 21, 51])
def test_kernels_grow_from_small_ones(size: int) -> None:
    sides = list(growing_sides(size))
    assert sides[0] == 3 and sides[-1] == size
    assert all(side % 2 == 1 for side in sides) and sides == sorted(set(sides))
    assert all(b <= 1.8 * a for a, b in zip(sides, sides[1:], strict=False))


def test_the_part_with_the_most_edges_is_searched() -> None:
    grey = torch.full((1, 1, 100, 300), 0.5)
    assert richest_part(grey, 400) is grey or torch.equal(richest_part(grey, 400), grey)
    busy = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    grey[..., 55:95, 5:45] = busy
    part = richest_part(grey, 60)
    assert part.shape[-2:] == (60, 60)
    assert float((part != 0.5).sum()) > 0.9 * busy.numel()
    # Of parts that are alike, the one nearest to the middle.
    ramp = torch.arange(300.0).expand(1, 1, 300, 300)
    assert 90 <= float(richest_part(ramp.mT, 60)[..., 0, 0]) <= 150


def test_a_picture_whose_ends_meet_has_no_edge_there() -> None:
    grey = torch.linspace(0, 1, 40).expand(1, 1, 30, 40)
    around = with_ends_that_meet(grey, 12)
    # The next lengths after 54 and 64 that are products of 2, 3 and 5.
    assert around.shape == (1, 1, 54, 64)
    assert with_ends_that_meet(grey, 10).shape == (1, 1, 50, 60)
    assert with_ends_that_meet(grey, 13).shape == (1, 1, 60, 72)
    assert torch.equal(around[..., 12:42, 12:52], grey)
    assert float((grey[..., 0] - grey[..., -1]).abs().min()) == 1
    for side in (-1, -2):
        ends = around.narrow(side, 0, 1) - around.narrow(side, around.shape[side] - 1, 1)
        assert float(ends.abs().max()) < 0.06


def test_edges_stay_and_texture_goes() -> None:
    """A step with faint waves on either side, blurred: the step comes back, the waves do not."""
    steps = torch.zeros(1, 1, 64, 64)
    steps[..., 16:48] = 1
    waves = 0.02 * torch.sin(torch.arange(64) * 2.0).expand(1, 1, 64, 64)
    kernel = gaussian_kernel(1.0)
    spread = torch.fft.rfft2(steps + waves) * transfer(kernel, steps.shape[-2:])
    found = edges_alone(torch.fft.irfft2(spread), kernel, 4e-3)
    assert float((found - steps).abs().max()) < 0.1
    assert float(found[..., 24:40].std()) < 0.3 * float(waves[..., 24:40].std())


def test_islands_have_no_part_in_a_kernel() -> None:
    kernel = fitted_into(motion_kernel(5, 0), 15) * 0.95
    kernel[1, 1], kernel[13, 13] = 0.04, 0.01
    cleaned = without_islands(kernel)
    assert float(cleaned[1, 1]) == float(cleaned[13, 13]) == 0
    assert torch.allclose(cleaned, fitted_into(motion_kernel(5, 0), 15))
