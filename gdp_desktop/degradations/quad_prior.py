"""The physical quadruple prior: what of a photo does not change with its light.

Wang et al. 2024 (QuadPrior, section 3.2), after Geusebroek et al. 2001 (colour invariance).  There
a network learns to paint a photo from these features; here they are compared, x̃0's with y's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.light import decode
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.ranges import unit

# The Gaussian colour model: E, its slope and its curvature over wavelength, from R, G, B.
COLOUR_MODEL = ((0.06, 0.63, 0.27), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))
EPSILON = 1e-4
# Standard deviation of the Gaussian that values and slopes are taken with, in pixels (2^s, s = 0).
SCALE = 1.0
# Two channels count as equal if they differ by much less than this share of E.
EQUAL = 0.02
# Linear light in which the features of a photo are half noise.
DARK = 0.01


def features(x: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) in [-1, 1] -> (N, 6, H, W): hue H, chroma C, the order of R, G, B, edges W.

        H = atan(Eλ/Eλλ),  C = log((Eλ² + Eλλ²)/E²),  W = atan((E_x² + E_y²)/E²)

    and for each channel 1 if it is the largest, -1 if the smallest, 0 between, ±½ if it shares the
    place (in the limit; near a tie it passes smoothly).  H and C hold under any equal-energy light
    on a matte surface, W where the light is even, the order where light keeps it.  Light adds up in
    linear light, so x is decoded first.
    """
    light = decode(unit(x))
    model = torch.tensor(COLOUR_MODEL).to(light)
    smooth = _convolved(_convolved(light, _gaussian(), -1), _gaussian(), -2)
    energy, slope, bend = torch.einsum("kc,nchw->nkhw", model, smooth).split(1, dim=1)
    brightness = torch.einsum("c,nchw->nhw", model[0], light)[:, None]
    across = _convolved(_convolved(brightness, _derivative(), -1), _gaussian(), -2)
    down = _convolved(_convolved(brightness, _gaussian(), -1), _derivative(), -2)

    squared = energy.square() + EPSILON
    hue = torch.atan(slope / torch.where(bend < 0, bend - EPSILON, bend + EPSILON))
    chroma = ((slope.square() + bend.square() + EPSILON**2) / squared).log()
    edges = torch.atan((across.square() + down.square()) / squared)
    return torch.cat((hue, chroma, _order(smooth, energy), edges), dim=1)


def _order(light: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
    differences = light[:, :, None] - light[:, None]
    equal = (EQUAL * energy + EPSILON)[:, :, None]
    return 0.5 * (differences / equal).tanh().sum(dim=2)


class QuadDifference(Degradation):
    """features(x) - features(reference), as a measurement whose y is 0; (N, 6, H, W).

    Hue is an angle modulo π.  Where the reference is dark its features are noise and count less.
    """

    pointwise = False
    reference: torch.Tensor
    trust: torch.Tensor

    def __init__(self, reference: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("reference", features(reference))
        light = decode(unit(reference)).mean(dim=1, keepdim=True)
        self.register_buffer("trust", light / (light + DARK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        difference = features(x) - self.reference
        hue = torch.remainder(difference[:, :1] + torch.pi / 2, torch.pi) - torch.pi / 2
        return self.trust * torch.cat((hue, difference[:, 1:]), dim=1)


def _gaussian() -> torch.Tensor:
    profile = torch.exp(-0.5 * (_offsets() / SCALE) ** 2)
    return profile / profile.sum()


def _derivative() -> torch.Tensor:
    return -_offsets() / SCALE**2 * _gaussian()


def _offsets() -> torch.Tensor:
    reach = round(3 * SCALE)
    return torch.arange(-reach, reach + 1, dtype=torch.float64)


def _convolved(image: torch.Tensor, profile: torch.Tensor, side: int) -> torch.Tensor:
    """Along one dimension, the border pixel repeated."""
    reach, channels = len(profile) // 2, image.shape[1]
    shape = (1, 1, 1, -1) if side == -1 else (1, 1, -1, 1)
    padding = (reach, reach, 0, 0) if side == -1 else (0, 0, reach, reach)
    weights = profile.to(image).view(shape).expand(channels, -1, -1, -1)
    return F.conv2d(F.pad(image, padding, mode="replicate"), weights, groups=channels)
