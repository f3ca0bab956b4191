"""A network fed a few rows at a time says what it says of the whole picture."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.row_wise import Convolved, Doubled, Halved, Waiting
from gdp_desktop.diffusion.unet import UNetConfig
from tests.diffusion.test_tiler import CONFIGS, random_unet

LOG_SIGMA = torch.tensor([-1.0, 0.5])


def pieces(height: int, unit: int, seed: int) -> list[int]:
    """Heights that add up, each a multiple of ``unit``."""
    generator = torch.Generator().manual_seed(seed)
    found: list[int] = []
    while sum(found) < height:
        rows = unit * int(torch.randint(1, 6, (), generator=generator))
        found.append(min(rows, height - sum(found)))
    return found


def fed(walk, picture: torch.Tensor, heights: list[int]) -> list[torch.Tensor]:
    parts = picture.split(heights, dim=-2)
    return [walk(part, k == len(parts) - 1) for k, part in enumerate(parts)]


@pytest.mark.parametrize("seed", range(5))
def test_rows_leave_in_the_order_they_came(seed: int) -> None:
    rows = torch.arange(60.0).view(1, 1, 60, 1)
    waiting, taken = Waiting(), []
    generator = torch.Generator().manual_seed(seed)
    for part in rows.split(pieces(60, 1, seed), dim=-2):
        waiting.put(part)
        count = int(torch.randint(0, waiting.count + 1, (), generator=generator))
        taken.append(waiting.take(count))
        assert taken[-1].shape == (1, 1, count, 1)
    taken.append(waiting.take(waiting.count))
    assert waiting.count == 0 and torch.equal(torch.cat(taken, dim=-2), rows)


def test_no_rows_can_be_taken_of_what_is_there() -> None:
    waiting = Waiting()
    waiting.put(torch.zeros(2, 3, 4, 5))
    assert waiting.take(0).shape == (2, 3, 0, 5) and waiting.count == 4


def test_a_few_rows_left_do_not_hold_a_large_piece_in_memory() -> None:
    waiting, piece = Waiting(), torch.zeros(1, 1, 100, 8)
    waiting.put(piece)
    waiting.take(98)
    left = waiting.take(2)
    assert left.untyped_storage().nbytes() == left.numel() * 4 < piece.numel() * 4


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize("height", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("unit", [1, 2, 100])
def test_convolutions_of_pieces_are_those_of_the_whole(
    height: int, unit: int, activated: bool
) -> None:
    torch.manual_seed(0)
    picture = torch.randn(2, 3, height, 6)
    heights = pieces(height, unit, 0)
    with torch.no_grad():
        conv = torch.nn.Conv2d(3, 4, 3, padding=1)
        expected = conv(F.silu(picture) if activated else picture)
        # What is given may be overwritten: it is given away.
        parts = fed(Convolved(conv, activated=activated), picture.clone(), heights)
        assert torch.allclose(torch.cat(parts, dim=-2), expected, atol=1e-6)
        half = torch.nn.Conv2d(3, 4, 2, stride=2)
        if height > 1:
            halved = Halved(half)
            found = torch.cat([halved(part) for part in picture.split(heights, -2)], dim=-2)
            assert torch.allclose(found, half(picture), atol=1e-6)


def test_doubling_is_a_shuffle_of_a_convolution_added_to_others() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(5, 12, 1)
    rows, others = torch.randn(2, 5, 4, 6), torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        expected = others + F.pixel_shuffle(conv(rows), 2)
        assert torch.allclose(Doubled(conv)(rows, others), expected, atol=1e-6)
        assert Doubled(conv)(rows[..., :0, :], others[..., :0, :]).shape == (2, 3, 0, 12)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_network_says_of_pieces_what_it_says_of_the_whole(config: UNetConfig, seed: int) -> None:
    network, stride = random_unet(config), config.stride
    height = 2 * config.receptive_radius + (5 + seed) * stride
    picture = torch.randn(2, 3, height, 3 * stride, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        whole = network(picture, LOG_SIGMA)
        walk = network.walk(network.modulated(LOG_SIGMA))
        parts = fed(walk, picture, pieces(height, stride, seed))
    assert float(whole.std()) > 0.1
    assert torch.allclose(torch.cat(parts, dim=-2), whole, atol=2e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_rows_are_out_as_soon_as_all_they_see_is_in(config: UNetConfig) -> None:
    network, stride = random_unet(config), config.stride
    heights = [stride] * (config.receptive_radius // stride + 6)
    picture = torch.randn(2, 3, sum(heights), 2 * stride)
    with torch.no_grad():
        parts = fed(network.walk(network.modulated(LOG_SIGMA)), picture, heights)
    into, out = (list(itertools.accumulate(n)) for n in (heights, [p.shape[-2] for p in parts]))
    assert out[-1] == into[-1]
    # Alignment to the coarsest grid costs one unit of it at most.
    late = config.receptive_radius + stride
    assert all(seen - known <= late for seen, known in zip(into, out, strict=True))
