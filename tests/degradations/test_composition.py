"""Composed degradations are what their parts are, one after the other, at every size."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch.func import jvp, vjp

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.composition import Composition
from gdp_desktop.degradations.kernels import gaussian_kernel
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.diffusion.strips import Rows
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.low_light import LowLight
from gdp_desktop.tasks.mixed import GreyInThree
from gdp_desktop.tasks.super_resolution import Downsampling

SIDE = 32


def picture(seed: int = 0, side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.4 * (torch.rand(1, 3, side, side, generator=generator) * 2 - 1)


def part(name: str, side: int = SIDE) -> Degradation:
    match name:
        case "grey":
            return GreyInThree()
        case "blur":
            return Blur(gaussian_kernel(1.2))
        case "dark":
            dark = LowLight(torch.ones(1, 1, side, side), 0.45, 0.0)
            dark.log_factor.fill_(-1.5)
            return dark
        case "shrink":
            return Downsampling(2)
    generator = torch.Generator().manual_seed(1)
    return Masking((torch.rand(1, 1, side, side, generator=generator) > 0.2).float())


def composed(*names: str) -> Composition:
    side, parts = SIDE, []
    for name in names:
        parts.append(part(name, side))
        side //= 2 if name == "shrink" else 1
    return Composition(parts)


MIXTURES = [
    *permutations(("grey", "blur", "shrink"), 2), ("dark", "blur"), ("dark", "grey"),
    ("grey", "missing"), ("blur", "shrink", "missing"), ("grey", "dark", "blur"),
]
mixtures = pytest.mark.parametrize("names", MIXTURES, ids="+".join)


@mixtures
def test_the_parts_act_in_order(names: tuple[str, ...]) -> None:
    mixture, x = composed(*names), picture()
    expected = x
    for one in mixture.in_order:
        expected = one(expected)
    assert torch.equal(mixture(x), expected) and mixture(x).shape[1] == 3
    assert mixture.initial(mixture(x)).shape == x.shape


def test_order_matters() -> None:
    x = 0.9 * picture().sign()
    one, other = composed("dark", "blur")(x), composed("blur", "dark")(x)
    assert float((one - other).abs().max()) > 0.01


@mixtures
def test_the_adjoint_is_the_adjoints_in_reverse(names: tuple[str, ...]) -> None:
    mixture, x = composed(*names).double(), picture().double()
    y, pull_back = vjp(mixture, x)
    direction, residual = picture(2).double(), torch.randn(y.shape, dtype=torch.float64)
    moved = jvp(mixture, (x,), (direction,))[1]
    assert float((moved * residual).sum()) == pytest.approx(
        float((direction * pull_back(residual)[0]).sum()), rel=1e-9, abs=1e-10
    )
    pulled = residual
    pictures = [x]
    for one in mixture.in_order[:-1]:
        pictures.append(one(pictures[-1]))
    for one, before in zip(reversed(mixture.in_order), reversed(pictures), strict=True):
        pulled = vjp(one, before)[1](pulled)[0]
    assert torch.allclose(pulled, pull_back(residual)[0], atol=1e-12)


@mixtures
def test_it_says_of_itself_what_its_parts_say(names: tuple[str, ...]) -> None:
    mixture, x = composed(*names), picture()
    assert mixture.linear == ("dark" not in names)
    if mixture.linear:
        assert torch.allclose(mixture(2 * x + picture(5)), 2 * mixture(x) + mixture(picture(5)),
                              atol=1e-5)
    moved = x.clone()
    moved[..., 10, 10] += 0.1
    changed = (mixture(moved) != mixture(x)).sum()
    assert not mixture.pointwise or int(changed) <= 3
    keys = set().union(*(one.estimate() for one in mixture.in_order))
    assert set(mixture.estimate()) == keys


@mixtures
def test_shrinking_and_degrading_change_places(names: tuple[str, ...]) -> None:
    smooth = torch.linspace(-0.3, 0.3, SIDE).view(1, 1, 1, -1) * torch.ones(1, 3, SIDE, 1)
    mixture, x = composed(*names), smooth
    y = mixture(x)
    for _ in range(2):
        y, mixture, x = mixture.shrink_measurement(y), mixture.shrunk(), halved(x)
        direct = mixture(x)
        assert direct.shape == y.shape
        inner = (direct - y)[..., 2:-2, 2:-2]
        # The mean of the known pixels sits beside the block's centre.
        assert float(inner.abs().max()) < (0.04 if "missing" in names else 0.02)


@mixtures
@pytest.mark.parametrize("rows", [Rows(0, 28), Rows(8, 32)])
def test_rows_of_it_are_it_on_rows(names: tuple[str, ...], rows: Rows) -> None:
    mixture, x = composed(*names), picture()
    part = mixture.rows(rows, SIDE)(rows.of(x, SIDE))
    whole = rows.of(mixture(x), SIDE)
    assert part.shape == whole.shape
    factor = SIDE // mixture(x).shape[-2]
    rim = -(-(mixture.reach or 0) // factor)
    top, bottom = (0 if rows.top == 0 else rim), (0 if rows.bottom == SIDE else rim)
    kept = slice(top, max(top, part.shape[-2] - bottom))
    assert torch.allclose(part[..., kept, :], whole[..., kept, :], atol=1e-5)


def test_what_is_learned_of_one_part_is_not_taken_for_another() -> None:
    """The dark part finds its factor although the photo was blurred after it."""
    mixture = composed("dark", "blur")
    dark = mixture.in_order[0]
    assert isinstance(dark, LowLight)
    x = picture(3) + 0.1
    y = mixture(x)
    dark.exposure = float((x.mean() + 1) / 2)
    dark.log_factor.fill_(-0.5)
    for _ in range(20):
        mixture.fit(x, y)
    assert float(dark.log_factor.mean()) == pytest.approx(-1.5, abs=0.15)


@pytest.mark.parametrize("earlier", ["grey", "blur"])
def test_what_came_before_a_part_comes_before_its_learning(earlier: str) -> None:
    mixture, alone, x = composed(earlier, "dark"), part("dark"), 2 * picture(3).clamp(0) - 0.3
    y = mixture(x)
    for _ in range(3):
        mixture.fit(x, y)
        alone.fit(part(earlier)(x), y)
    learned = mixture.in_order[1]
    assert torch.equal(learned.log_factor, alone.log_factor)
    assert torch.equal(learned.haze, alone.haze)


def test_coarse_levels_hand_over_what_was_learned() -> None:
    fine, coarse = composed("dark", "blur"), composed("dark", "blur").shrunk()
    assert isinstance(coarse, Composition) and isinstance(coarse.in_order[0], LowLight)
    coarse.in_order[0].log_factor.fill_(-2.5)
    fine.adopt(coarse)
    assert fine.estimate()["light_factor"][0] == pytest.approx(0.0821, abs=1e-3)
