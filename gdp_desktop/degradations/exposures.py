"""Several exposures of one scene as one degradation: each a part of the light, cut off at both
ends."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.light import decode, decode_slope, encode, roll_off, undo_roll_off
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.diffusion.strips import Rows, in_strips

# Of [0, 1]: values from here on are cut off or bent by the camera, and say nothing.
BLACK, WHITE = (0.004, 0.03), (0.93, 0.985)
# Displayed values from which on, and by which, the scene's light is lost in the shoulder.
ROLLED_OFF = (0.93, 0.98)
# Displayed values up to which x0 tells the light well, and how many of them tell a factor.
FAITHFUL, FAITHFUL_SHARE = 0.85, 0.01
FIT_DAMPING = 0.25
LARGEST_STEP = math.log(1.2)
LARGEST_OFFSET = 0.03
DARK = 0.2
# Weight of a value that says nothing, where no exposure says more.
LAST_RESORT = 1e-6
# Values that two photos must both know for their ratio to be told by them.
FEWEST_IN_COMMON = 50


class Exposures(Degradation):
    """y_i = encode(f_i · L · radiance(x)) + M_i for the exposures i of one scene.

    y is (n, 3, H, W), the exposures laid on one another; x the displayable picture, whose
    highlights are rolled off; ``light`` L (1, 1, H, W) what the tone curve took away from the
    scene's light from place to place.  f_i (n, 1, 1, 1), with f_0 = 1, and M_i, an offset, are
    learned, but not the f_i that are ``told`` by the camera.  Where y_i is clipped, or ``seen``
    (n, 1, H, W) is 0, D repeats y_i: nothing is known.

    GDP (Fei et al. 2023) has y_i = f·x + M with one f and one M for all exposures, on sRGB values.
    """

    log_factor: torch.Tensor
    offset: torch.Tensor
    light: torch.Tensor
    known: torch.Tensor
    photo: torch.Tensor

    def __init__(
        self, y: torch.Tensor, known: torch.Tensor, factors: torch.Tensor, light: torch.Tensor,
        told: bool = False,
    ) -> None:
        super().__init__()
        self.told = told
        self.register_buffer("photo", y)
        self.register_buffer("known", known)
        self.register_buffer("light", light)
        self.register_buffer("log_factor", factors.log().view(-1, 1, 1, 1))
        self.register_buffer("offset", y.new_zeros(len(y), 1, 1, 1))

    @property
    def guidance_bytes(self) -> int:  # type: ignore[override]
        return 250 * len(self.photo)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        exposed = encode(self.log_factor.exp() * self.radiance(x))
        predicted = 2 * (exposed + self.offset) - 1
        return self.known * predicted + (1 - self.known) * self.photo

    def radiance(self, x: torch.Tensor) -> torch.Tensor:
        """The scene's light, (1, 3, H, W); 1 is white in the first exposure."""
        return self.light * undo_roll_off(decode(unit(x)))

    def scene_light(self, x0: torch.Tensor) -> torch.Tensor:
        """``radiance`` of the result, but what is nearly white on display as it was measured."""
        white = ((unit(x0) - ROLLED_OFF[0]) / (ROLLED_OFF[1] - ROLLED_OFF[0])).clamp(0, 1)
        return torch.lerp(self.radiance(x0), self.merged(self.photo), white)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return self.displayed(self.merged(y))

    def displayed(self, radiance: torch.Tensor) -> torch.Tensor:
        """x of the scene's light, (1, 3, H, W)."""
        return (2 * encode(roll_off(radiance / self.light)) - 1).clamp(-1, 1)

    def merged(self, y: torch.Tensor) -> torch.Tensor:
        """The scene's light (1, 3, H, W), every exposure weighed by what it knows."""
        height = y.shape[-2]
        light = torch.empty_like(y[:1])
        for rows in in_strips(height):
            part, known = rows.of(y, height), rows.of(self.known, height)
            measured = decode(unit(part) - self.offset) / self.log_factor.exp()
            weight = self._weight(part, known)
            total = (weight * measured).sum(dim=0, keepdim=True)
            rows.of(light, height).copy_(total / weight.sum(dim=0, keepdim=True))
        return light

    def _weight(self, y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """One over the variance of the light read from each value, up to a factor; (n, 3, H, W).

        Photons are counted, so that is the exposure (Hasinoff et al. 2010).  The value itself must
        not weigh: where its own noise made it darker it would count for more.
        """
        # Cut off everywhere: the shortest exposure of a bright value, the longest of a dark one.
        bright = (y[:1] > 0).float()
        factor = self.log_factor.exp()
        least = LAST_RESORT * (bright / factor**4 + (1 - bright) * factor**4)
        return known * factor + least * (known + 1e-3)

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        """From the noise of every exposure, through the mean and the tone curve."""
        smooth = F.avg_pool2d(y, 5, stride=1, padding=2, count_include_pad=False)
        weight = self._weight(smooth, self.known)
        share = weight / weight.sum(dim=0, keepdim=True)
        slope = light_per_value(unit(smooth)) / self.log_factor.exp()
        light = (share * slope).square().sum(dim=0, keepdim=True).sqrt()
        shown = roll_off(self.merged(smooth) / self.light)
        # encode ∘ roll_off, by the inverse of its inverse's slope.
        curve = (1 - 2 * (shown - 0.5).clamp(min=0)) / light_per_value(encode(shown))
        gain = (curve * light / self.light).mean(dim=1, keepdim=True)
        return gain.clamp(0.05, 20)

    def rows(self, rows: Rows, height: int) -> Exposures:
        return self._with(*(rows.of(part, height) for part in self._maps()))

    def shrunk(self) -> Exposures:
        return self._with(*(halved(part) for part in self._maps()))

    def _maps(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.photo, self.known, self.light

    def _with(
        self, photo: torch.Tensor, known: torch.Tensor, light: torch.Tensor
    ) -> Exposures:
        other = Exposures(photo, known, self.log_factor.exp(), light, self.told)
        other.adopt(self)
        return other

    def adopt(self, coarse: Degradation) -> None:
        if isinstance(coarse, Exposures):
            self.log_factor.copy_(coarse.log_factor)
            self.offset.copy_(coarse.offset)

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        """f_i: a damped step to the ratio of all light measured and emitted, unless they are told;
        M_i: to the mean residual of dark values.  f_0 stays: any common factor is a matter of x's
        brightness."""
        if not self.told:
            self._fit_factors(x0, y)
        # An offset shows in the dark; elsewhere it would take part of a wrong factor.
        dark = self.known * (unit(y) < DARK)
        residual = (dark * (y - self(x0))).sum(dim=(1, 2, 3), keepdim=True) / 2
        mean = residual / (dark.sum(dim=(1, 2, 3), keepdim=True) + 1)
        # A veil adds light, so it is not negative.
        self.offset.add_(0.1 * mean).clamp_(0, LARGEST_OFFSET)

    def _fit_factors(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        # Rolled off, light is hardly told by x0; the photos among themselves have told it better.
        known = self.known * (unit(x0) < FAITHFUL)
        measured = decode(unit(y) - self.offset)
        # Not least squares: errors of x0 would draw that towards 0.
        total, energy = (
            (known * light).sum(dim=(1, 2, 3), keepdim=True)
            for light in (measured, self.radiance(x0))
        )
        fitted = (total / (energy + 1e-8)).clamp(min=1e-6).log()
        step = (FIT_DAMPING * (fitted - fitted[:1] - self.log_factor)).clamp(
            -LARGEST_STEP, LARGEST_STEP)
        enough = known.mean(dim=(1, 2, 3), keepdim=True) > FAITHFUL_SHARE
        self.log_factor.add_(step * (enough & enough[:1]))

    def estimate(self) -> dict[str, Any]:
        return {
            "light_factors": [round(f, 4) for f in self.log_factor.exp().flatten().tolist()],
            "offsets": [round(m, 4) for m in self.offset.flatten().tolist()],
        }


def light_per_value(encoded: torch.Tensor) -> torch.Tensor:
    """How much more light a little more of an encoded value in [0, 1] means."""
    return decode_slope(encoded, decode(encoded))


def unclipped(y: torch.Tensor) -> torch.Tensor:
    """1 where a value in [-1, 1] is between black and white, 0 where it is either, and in between
    in between."""
    value = unit(y)
    return below_white(y) * ((value - BLACK[0]) / (BLACK[1] - BLACK[0])).clamp(0, 1)


def below_white(y: torch.Tensor) -> torch.Tensor:
    """As ``unclipped``, but black counts: no exposure knows more than that the longest was black,
    and to leave out its darker values alone would brighten the dark."""
    return ((WHITE[1] - unit(y)) / (WHITE[1] - WHITE[0])).clamp(0, 1)


def relative_exposures(y: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """f (n,) with f_0 = 1, from the photos (n, 3, H, W) alone: the typical ratio of light between
    exposures that are next to each other in brightness, where both know it; and whether both knew
    some of it, every time."""
    order = y.mean(dim=(1, 2, 3)).argsort().tolist()
    log_factor, overlap = torch.zeros(len(y)), True
    for darker, brighter in zip(order, order[1:], strict=False):
        both = (known[darker] > 0.5) & (known[brighter] > 0.5)
        less, more = (decode(unit(y[k])) for k in (darker, brighter))
        if int(both.sum()) < FEWEST_IN_COMMON:  # by their brightness on the whole
            overlap = False
            ratio = (more.mean() / less.mean().clamp(min=1e-6)).log()
        else:
            # Not by index: that of every value would take six times its own memory.
            ratios = (more.masked_select(both) / less.masked_select(both)).log()
            ratio = torch.tensor(quantile(ratios, 0.5))
        log_factor[brighter] = log_factor[darker] + ratio.clamp(-8, 8)
    return (log_factor - log_factor[0]).exp(), overlap
