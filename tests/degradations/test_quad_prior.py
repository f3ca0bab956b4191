"""The quadruple prior does not change with the light, and knows what its names say."""

from __future__ import annotations

import math

import pytest
import torch

from gdp_desktop.degradations.light import decode, encode
from gdp_desktop.degradations.quad_prior import QuadDifference, features
from gdp_desktop.diffusion.ranges import unit


def picture(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = 0.3 + 0.6 * torch.rand(1, 3, 4, 4, generator=generator, dtype=torch.float64)
    return 2 * torch.nn.functional.interpolate(coarse, size=(20, 24), mode="bilinear") - 1


def in_other_light(x: torch.Tensor, factor: float) -> torch.Tensor:
    return 2 * encode(factor * decode(unit(x))) - 1


@pytest.mark.parametrize("factor", [0.3, 0.6, 1.5])
def test_another_light_changes_nothing(factor: float) -> None:
    x = picture()
    found, again = features(x), features(in_other_light(x, factor))
    assert found.shape == (1, 6, 20, 24)
    other = (features(picture(1)) - found).abs().mean(dim=(0, 2, 3))
    change = (again - found).abs().mean(dim=(0, 2, 3))
    assert bool((change < 0.1 * other + 0.01).all())
    difference = QuadDifference(x)
    in_it, another = (difference(seen) for seen in (in_other_light(x, factor), picture(1)))
    assert float(in_it.square().sum()) < 0.02 * float(another.square().sum())
    assert float(difference(x).abs().max()) == 0


@pytest.mark.parametrize(("rgb", "order"), [
    ((0.8, 0.5, 0.2), (1, 0, -1)), ((0.2, 0.8, 0.5), (-1, 1, 0)),
    ((0.6, 0.6, 0.2), (0.5, 0.5, -1)), ((0.6, 0.2, 0.2), (1, -0.5, -0.5)),
    ((0.5, 0.5, 0.5), (0, 0, 0)),
])
def test_the_order_of_channels(rgb: tuple[float, ...], order: tuple[float, ...]) -> None:
    flat = (2 * torch.tensor(rgb).view(1, 3, 1, 1) - 1).expand(1, 3, 8, 8)
    assert features(flat)[0, 2:5, 4, 4].tolist() == pytest.approx(order, abs=0.01)


def test_hue_chroma_and_edges_of_flat_colours() -> None:
    light = torch.tensor([0.5, 0.3, 0.1], dtype=torch.float64)
    energy, slope, bend = (
        float((torch.tensor(row, dtype=torch.float64) * light).sum())
        for row in ((0.06, 0.63, 0.27), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
    )
    flat = (2 * encode(light) - 1).view(1, 3, 1, 1).expand(1, 3, 9, 9)
    hue, chroma, *_, edges = features(flat)[0, :, 4, 4].tolist()
    assert hue == pytest.approx(math.atan(slope / bend), abs=0.02)
    assert chroma == pytest.approx(math.log((slope**2 + bend**2) / energy**2), abs=0.02)
    assert edges == pytest.approx(0, abs=1e-9)
    step = flat.clone()
    step[..., 5:] = in_other_light(flat, 0.2)[..., 5:]
    assert float(features(step)[0, 5, 4, 4]) > 0.05 > float(features(step)[0, 5, 4, 0])


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_finite_on_flat_pictures(value: float) -> None:
    x = torch.full((1, 3, 6, 6), value, requires_grad=True)
    loss = QuadDifference(picture().float()[..., :6, :6])(x).square().sum()
    loss.backward()
    assert math.isfinite(float(loss.detach())) and bool(torch.isfinite(x.grad).all())


def test_gradient() -> None:
    difference = QuadDifference(picture(1)[..., :6, :6])
    x = (0.5 * picture()[..., :6, :6]).requires_grad_(True)
    assert torch.autograd.gradcheck(difference, (x,), fast_mode=True)
