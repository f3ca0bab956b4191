"""Linear light: the sRGB transfer curve and a soft shoulder for highlights, all invertible.

Values are in [0, 1] unless said; every function is elementwise and differentiable.  Each comes in
two pieces that meet at a threshold, and is written as the sum of what happens below and above it:
choosing by ``where``, and ``pow``, take twenty times as long as adding and clamping.  What is only
on the way is changed in place, which takes half the time of a new picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch.autograd.function import FunctionCtx

# Up to here sRGB is a straight line (IEC 61966-2-1), in encoded values and in linear light.
LINE_END = 0.04045
LINE_END_LIGHT = LINE_END / 12.92
# What the powers in the curve are there: the standard's numbers meet to seven digits.
POWER_START_LIGHT = (LINE_END + 0.055) ** 2.4
POWER_START = LINE_END_LIGHT ** (1 / 2.4)

# With AVX-512 a power of 2 takes a third of the time of one of e.
LN_2 = math.log(2)

SHOULDER_START = 0.5
# The inverse shoulder sends 1 to infinity; one 8-bit step below is where it stops.
SHOULDER_END = 1 - 1 / 255
ROOM = 1 - SHOULDER_START


class _Log(torch.autograd.Function):
    """The natural logarithm, on a processor OpenCV's, which takes a sixth of torch's time."""

    @staticmethod
    def forward(values: torch.Tensor) -> torch.Tensor:
        return _log_in_place(values.clone())

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[torch.Tensor], output: torch.Tensor
    ) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: FunctionCtx, slope: torch.Tensor) -> torch.Tensor:
        (values,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return slope / values

    # 1 / values is the derivative in either direction.
    jvp = backward


class _Power(torch.autograd.Function):
    """values^exponent of positive values, on a processor by OpenCV's logarithm and exponential."""

    @staticmethod
    def forward(values: torch.Tensor, exponent: float) -> torch.Tensor:
        return _power_in_place(values.clone(), exponent)

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[torch.Tensor, float], output: torch.Tensor
    ) -> None:
        values, ctx.exponent = inputs  # type: ignore[attr-defined]
        # Not the output, so that whoever gets it may change it in place.
        ctx.save_for_backward(values)
        ctx.save_for_forward(values)

    @staticmethod
    def backward(ctx: FunctionCtx, slope: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _Power.jvp(ctx, slope, None), None

    @staticmethod
    def jvp(ctx: FunctionCtx, slope: torch.Tensor, _: None) -> torch.Tensor:
        (values,), exponent = ctx.saved_tensors, ctx.exponent  # type: ignore[attr-defined]
        return slope * exponent * _Power.apply(values, exponent - 1)


def _log(values: torch.Tensor) -> torch.Tensor:
    """The logarithm of values that nobody else has, without gradients in their place: the way
    through a Function takes as long as the logarithm of a small picture."""
    return _Log.apply(values) if torch.is_grad_enabled() else _log_in_place(values)


def _power(values: torch.Tensor, exponent: float) -> torch.Tensor:
    """values^exponent, like ``_log``."""
    if torch.is_grad_enabled():
        return _Power.apply(values, exponent)
    return _power_in_place(values, exponent)


def _log_in_place(values: torch.Tensor) -> torch.Tensor:
    return _by_opencv(cv2.log, values) if values.is_cpu else values.log_()


def _power_in_place(values: torch.Tensor, exponent: float) -> torch.Tensor:
    if not values.is_cpu:
        return values.log_().mul_(exponent).exp_()
    return _by_opencv(cv2.exp, _by_opencv(cv2.log, values).mul_(exponent))


def _by_opencv(
    function: Callable[[np.ndarray, np.ndarray], object], values: torch.Tensor
) -> torch.Tensor:
    """An elementwise ``function`` of OpenCV's in the place of values in main memory."""
    values = values.contiguous()
    pixels = values.view(-1, 1).numpy()
    function(pixels, pixels)
    return values


def decode(encoded: torch.Tensor) -> torch.Tensor:
    """sRGB values to linear light (IEC 61966-2-1)."""
    return _decoded(encoded, encoded + 0.055)


def decode_slope(encoded: torch.Tensor, linear: torch.Tensor) -> torch.Tensor:
    """d decode / d encoded on [0, 1], where ``linear`` is ``decode(encoded)``; up to 1.7 % more
    within 0.0012 below the line's end, where the curve's slope would already be the larger."""
    return (2.4 * linear).div_(encoded + 0.055).clamp_(min=1 / 12.92)


def encode(linear: torch.Tensor) -> torch.Tensor:
    """Linear light to sRGB values; above 1 the curve goes on."""
    line = linear.clamp(0, LINE_END_LIGHT).mul_(12.92)
    above = _power(linear.clamp(min=LINE_END_LIGHT), 1 / 2.4).sub_(POWER_START)
    # Rounding must not make black darker than black.
    return line.add_(above.clamp_(min=0), alpha=1.055)


def encode_slope(linear: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
    """d encode / d linear, where ``encoded`` is ``encode(linear)``; up to 1.7 % less within 0.0001
    below the line's end, where the curve's slope would already be the smaller."""
    return (encoded + 0.055).div_(linear).mul_(1 / 2.4).clamp_(max=12.92)


def roll_off(linear: torch.Tensor) -> torch.Tensor:
    """Linear light of any brightness to [0, 1): unchanged up to one half, then an exponential
    approach to 1 instead of clipping."""
    above = (linear - SHOULDER_START).clamp_(min=0)
    share = above.mul_(-1 / (ROOM * LN_2)).exp2_()
    return linear.clamp(max=SHOULDER_START).add_(1 - share, alpha=ROOM)


def roll_off_slope(linear: torch.Tensor) -> torch.Tensor:
    """d roll_off / d linear."""
    return (linear - SHOULDER_START).clamp_(min=0).mul_(-1 / ROOM).exp_()


def undo_roll_off(rolled: torch.Tensor) -> torch.Tensor:
    """The inverse of roll_off on [0, 1)."""
    room = (rolled.clamp(SHOULDER_START, SHOULDER_END) - 1).mul_(-1 / ROOM)
    return rolled.clamp(max=SHOULDER_START).sub_(_log(room), alpha=ROOM)


@torch.no_grad()
def dimmed_with_slope(
    encoded: torch.Tensor, light: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """encode(light · undo_roll_off(decode(encoded))) for ``light`` in (0, 1], and its derivative.

    The chain rule by hand and, as this is most of guidance, with every picture that has done its
    part giving its place to another: two thirds of the time of calling the curves and their slopes
    one by one.
    """
    shifted = encoded + 0.055
    rolled = _decoded(encoded, shifted)
    # 2.4 of this slope and 1 / 2.4 of that of ``encode`` are left out.
    slope = torch.div(rolled, shifted, out=shifted).clamp_(min=1 / (2.4 * 12.92))
    slope *= _is_below(rolled, SHOULDER_END)
    room = rolled.clamp(SHOULDER_START, SHOULDER_END).sub_(1).mul_(-1 / ROOM)
    slope /= room
    slope *= light
    dim = rolled.clamp_(max=SHOULDER_START).sub_(_log(room), alpha=ROOM).mul_(light)
    dimmed = encode(dim)
    slope *= torch.add(dimmed, 0.055, out=room).div_(dim).clamp_(max=2.4 * 12.92)
    return dimmed, slope


def _decoded(encoded: torch.Tensor, shifted: torch.Tensor) -> torch.Tensor:
    """``decode``, told encoded + 0.055."""
    line = encoded.clamp(0, LINE_END).mul_(1 / 12.92)
    above = _power(shifted.clamp(LINE_END + 0.055, 1.055), 2.4).sub_(POWER_START_LIGHT)
    # Rounding must not make black darker than black.
    return line.add_(above.clamp_(min=0), alpha=1.055**-2.4)


def _is_below(values: torch.Tensor, threshold: float) -> torch.Tensor:
    """1 up to the threshold, 0 above, as numbers of the kind of ``values``."""
    return values.clone().le_(threshold)
