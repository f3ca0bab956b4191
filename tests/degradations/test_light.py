"""Transfer curve and shoulder: invertible, monotonic, and with finite slopes everywhere."""

import pytest
import torch

from gdp_desktop.degradations.light import (
    LINE_END,
    LINE_END_LIGHT,
    SHOULDER_END,
    SHOULDER_START,
    decode,
    decode_slope,
    dimmed_with_slope,
    encode,
    encode_slope,
    roll_off,
    roll_off_slope,
    undo_roll_off,
)

UNIT = torch.linspace(0, 1, 20_001, dtype=torch.float64)
WIDE = torch.linspace(0, 20, 200_001, dtype=torch.float64)
# 8-bit grey levels in linear light, from the standard.
STANDARD = [(0, 0.0), (10, 0.0030353), (11, 0.0033465), (64, 0.0512695), (128, 0.2158605),
            (188, 0.5028865), (255, 1.0)]


@pytest.mark.parametrize(("grey", "light"), STANDARD)
def test_transfer_curve_of_the_standard(grey: int, light: float) -> None:
    encoded = torch.tensor(grey / 255).double()
    assert float(decode(encoded)) == pytest.approx(light, abs=1e-6)
    assert float(encode(torch.tensor(light).double())) == pytest.approx(grey / 255, abs=1e-5)


def test_inverses() -> None:
    assert torch.allclose(encode(decode(UNIT)), UNIT, atol=1e-6)
    assert torch.allclose(decode(encode(UNIT)), UNIT, atol=1e-6)
    below_end = UNIT[UNIT <= SHOULDER_END]
    assert torch.allclose(roll_off(undo_roll_off(below_end)), below_end, atol=1e-12)
    reachable = WIDE[roll_off(WIDE) <= SHOULDER_END]
    assert torch.allclose(undo_roll_off(roll_off(reachable)), reachable, rtol=1e-9)


@pytest.mark.parametrize("curve", [decode, encode, undo_roll_off, roll_off])
def test_monotonic_and_continuous(curve) -> None:
    values = curve(UNIT)
    steps = values.diff()
    assert bool((steps >= 0).all()) and float(steps.max()) < 0.02
    assert float(values[0]) == pytest.approx(0, abs=1e-9)
    assert bool((roll_off(WIDE).diff() >= 0).all()) and float(roll_off(WIDE).max()) <= 1


def test_the_dark_half_is_not_rolled() -> None:
    dark = UNIT[UNIT <= SHOULDER_START]
    assert torch.equal(roll_off(dark), dark) and torch.equal(undo_roll_off(dark), dark)
    # No kink where the shoulder begins: the slope is 1 on both sides.
    edge = torch.tensor([SHOULDER_START - 1e-6, SHOULDER_START + 1e-6], dtype=torch.float64)
    assert float(roll_off(edge).diff()) == pytest.approx(2e-6, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("curve", [decode, encode, roll_off, undo_roll_off])
def test_values_and_slopes_are_finite(curve, dtype) -> None:
    edges = [-1.0, 0.0, 1e-12, 0.0031308, 0.04045, 0.5, SHOULDER_END, 1.0, 1.5, 100.0]
    x = torch.tensor(edges, dtype=dtype, requires_grad=True)
    values = curve(x)
    slopes = torch.autograd.grad(values.sum(), x)[0]
    assert bool(torch.isfinite(values).all() & torch.isfinite(slopes).all())
    assert bool((slopes >= 0).all())


@pytest.mark.parametrize("curve", [decode, encode, roll_off, undo_roll_off])
def test_gradients(curve) -> None:
    away_from_edges = torch.tensor([0.001, 0.02, 0.1, 0.3, 0.6, 0.9], dtype=torch.float64)
    x = away_from_edges.requires_grad_(True)
    assert torch.autograd.gradcheck(curve, (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(curve, (x,))


@pytest.mark.parametrize(("curve", "slope"), [
    (decode, decode_slope), (encode, encode_slope),
    (roll_off, lambda linear, _: roll_off_slope(linear)),
])
def test_slopes_by_hand_are_those_of_the_curve(curve, slope) -> None:
    # None of them exactly where two pieces meet.
    x = torch.linspace(0, 1, 9998, dtype=torch.float64, requires_grad=True)
    values = curve(x)
    true = torch.autograd.grad(values.sum(), x)[0]
    by_hand = slope(x.detach(), values.detach())
    # Right below the end of a straight line the curve's slope may count.
    near = ((x > 0.0392) & (x < LINE_END)) | ((x > 0.00302) & (x < LINE_END_LIGHT))
    torch.testing.assert_close(by_hand[~near], true[~near], rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(by_hand[near], true[near], rtol=0.018, atol=0)


def test_dimming_and_its_slope_by_hand_are_those_of_the_curves() -> None:
    x = torch.linspace(0, 1, 9998, dtype=torch.float64)
    for light in (0.002, 0.1, 1.0):
        encoded = x.clone().requires_grad_(True)
        true = encode(light * undo_roll_off(decode(encoded)))
        true_slope = torch.autograd.grad(true.sum(), encoded)[0]
        with torch.no_grad():
            dimmed, slope = dimmed_with_slope(x, torch.tensor(light, dtype=torch.float64))
        torch.testing.assert_close(dimmed, true.detach(), rtol=0, atol=1e-12)
        # Right below the end of either straight line the curve's slope may count.
        dim = light * undo_roll_off(decode(x))
        near = ((x > 0.0392) & (x < LINE_END)) | (
            (dim > 0.00302) & (dim < LINE_END_LIGHT)
        )
        torch.testing.assert_close(slope[~near], true_slope[~near], rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(slope[near], true_slope[near], rtol=0.036, atol=0)


def test_what_a_curve_is_given_stays_as_it_is() -> None:
    with torch.no_grad():
        for curve in (decode, encode, roll_off, undo_roll_off):
            given = UNIT.clone()
            curve(given)
            assert torch.equal(given, UNIT)
        light = torch.full_like(UNIT, 0.3)
        dimmed_with_slope(given, light)
        assert torch.equal(given, UNIT) and bool((light == 0.3).all())
