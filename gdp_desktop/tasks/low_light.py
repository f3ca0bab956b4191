"""Low light: y = f·x + M, in linear light, with the light factor f and the map M learned."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from gdp_desktop.degradations.light import (
    decode,
    decode_slope,
    dimmed_with_slope,
    encode,
    encode_slope,
    roll_off,
    roll_off_slope,
    undo_roll_off,
)
from gdp_desktop.degradations.light_factor import LightFactor
from gdp_desktop.degradations.noise import noise_to_remove
from gdp_desktop.diffusion.at_once import done_for_each
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.quality import color_constancy_loss, exposure_loss, smoothness_loss
from gdp_desktop.diffusion.quantile import quantile
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.diffusion.strips import MARGIN, THIN_ROWS, Rows, in_strips
from gdp_desktop.tasks import published
from gdp_desktop.tasks.likeness import LIKENESS, likeness_of
from gdp_desktop.tasks.param import Option, Param, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Brightens a dark photo the way a longer exposure would have, rolls highlights off instead
of clipping them, and removes the noise that brightening would show. Exposure sets how bright
the result is on the whole; Fill light lifts the darkest parts further."""

LOG_FACTOR_RANGE = (math.log(1 / 64), math.log(4))
EXPOSURE_TRUST = 0.8
HAZE_GRID = 16
# So many pixels tell the light of a whole photo, and so many quantiles how bright it will be.
FEW_PIXELS, EXPOSED_QUANTILES = 20_000, 500
# Each round tries so many factors at once and goes on between two of them: 15 bits.
EXPOSURE_ROUNDS, EXPOSURE_TRIALS = 3, 32
LARGEST_HAZE = 0.03  # of [0, 1]; more than that is light, not a veil
FIT_DAMPING = 0.25


class LowLight(Degradation):
    """y = encode(f · L · decode(x)) + M, highlights of x rolled off.

    f: light factor per channel (1, 3, 1, 1), positive.  L: local light (1, 1, H, W), at most 1,
    from the photo alone.  M: haze, a small smooth map (1, 1, 16, 16).  f and M are learned.

    GDP (Fei et al. 2023) has y = f·x + M on sRGB values; light adds up linearly, so the
    factor belongs in linear light.
    """

    log_factor: torch.Tensor
    light: torch.Tensor
    haze: torch.Tensor

    def __init__(self, light: torch.Tensor, exposure: float, neutral: float) -> None:
        super().__init__()
        self.exposure, self.neutral = exposure, neutral
        self.register_buffer("log_factor", light.new_zeros(1, 3, 1, 1))
        self.register_buffer("light", light)
        self.register_buffer("haze", light.new_zeros(1, 1, HAZE_GRID, HAZE_GRID))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._dimmed(radiance_of(x))

    def slope(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        dimmed, slope = dimmed_with_slope(unit(x), self.log_factor.exp() * self.light)
        return dimmed.add_(self._haze_at(x)).mul_(2).sub_(1), slope

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        radiance = self._measured_light(y) / (self.log_factor.exp() * self.light)
        return (2 * encode(roll_off(radiance)) - 1).clamp(-1, 1)

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        # The slope of the inverse curve; averaged over blocks, or the noise would steer it.
        block, hop = 8, 4
        smooth = F.avg_pool2d(y, 5, stride=hop, padding=2, count_include_pad=False)
        # The curve is steepest at black: its slope at the darker half of the noise counts.
        smooth = (smooth - 2 / 127.5).clamp(min=-1)
        few = self._with(self.light[..., ::hop, ::hop], self.haze)
        slope = few._initial_slope(smooth).mean(dim=1, keepdim=True)
        slope = F.avg_pool2d(slope, block // hop, ceil_mode=True, count_include_pad=False)
        return F.interpolate(slope, size=y.shape[-2:], mode="bilinear").clamp(min=0.1)

    def _initial_slope(self, y: torch.Tensor) -> torch.Tensor:
        """d initial / d y; below the haze that of black, as half of the noise there is above it."""
        encoded = (unit(y) - self._haze_at(y)).clamp_(min=0)
        measured, light = decode(encoded), self.log_factor.exp() * self.light
        radiance = measured / light
        rolled = roll_off(radiance)
        slope = encode_slope(rolled, encode(rolled)) / light
        slope *= roll_off_slope(radiance)
        slope *= decode_slope(encoded, measured)
        return slope

    def rows(self, rows: Rows, height: int) -> LowLight:
        # Bilinear enlarging is separable: these rows of it, and later the columns.
        tall = F.interpolate(self.haze, size=(height, HAZE_GRID), mode="bilinear")
        return self._with(rows.of(self.light, height), rows.of(tall, height))

    def _with(self, light: torch.Tensor, haze: torch.Tensor) -> LowLight:
        """This degradation with the same f for another light and haze."""
        part = LowLight(light, self.exposure, self.neutral)
        part.log_factor, part.haze = self.log_factor, haze
        return part

    def shrunk(self) -> LowLight:
        coarse = LowLight(halved(self.light), self.exposure, self.neutral)
        coarse.adopt(self)
        return coarse

    def adopt(self, coarse: Degradation) -> None:
        if isinstance(coarse, LowLight):
            self.log_factor.copy_(coarse.log_factor)
            self.haze.copy_(coarse.haze)

    def expose(self, y: torch.Tensor, subject: torch.Tensor | None = None) -> None:
        """Scales f so that ``initial(y)`` has the mean ``exposure``, where ``subject`` (1, 1, H, W)
        is 1 if it is given."""
        few, hop = self._few(y)
        measured = few._measured_light(y[..., ::hop, ::hop])
        shown = None if subject is None else subject[0, 0, ::hop, ::hop] > 0
        self.log_factor.copy_(few._exposing(measured, shown))

    def _exposing(
        self, measured: torch.Tensor, shown: torch.Tensor | None = None
    ) -> torch.Tensor:
        """log f, (1, 3, 1, 1), with this balance of the channels, that brings the mean of what is
        ``shown`` (H, W) of the ``measured`` light to the exposure (a search); a few hundred
        quantiles of the light tell its mean."""
        balance = self.log_factor - self.log_factor.mean()
        light = measured / (self.light * balance.exp())
        if shown is not None and bool(shown.any()):
            light = light[..., shown]
        # numpy sorts more than ten times as fast as torch.
        ascending = torch.from_numpy(np.sort(light.flatten().cpu().numpy()))
        group = -(-len(ascending) // EXPOSED_QUANTILES)
        light = ascending[group // 2 :: group]
        low, high = LOG_FACTOR_RANGE
        for _ in range(EXPOSURE_ROUNDS):
            factors = torch.linspace(low, high, EXPOSURE_TRIALS + 1)
            means = encode(roll_off(light / factors.exp()[:, None])).mean(dim=1)
            too_bright = int((means > self.exposure).sum())
            low = float(factors[max(0, too_bright - 1)])
            high = float(factors[min(EXPOSURE_TRIALS, too_bright)])
        return balance + (low + high) / 2

    def mean_brightness(self, y: torch.Tensor) -> float:
        """Of ``initial(y)``, in [0, 1]."""
        few, hop = self._few(y)
        return float(unit(few.initial(y[..., ::hop, ::hop])).mean())

    @torch.no_grad()
    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        """f: damped step to the least-squares factor in linear light, held at the wished exposure
        and white balance.  M: a gradient step on the mean residual with a smoothness term.  A few
        pixels tell both."""
        few, hop = self._few(y)
        dark, bright = y[..., ::hop, ::hop], x0[..., ::hop, ::hop]
        measured, radiance = few._measured_light(dark), radiance_of(bright)
        # Clipped values say nothing about the factor.
        known = ((dark > -0.98) & (dark < 0.98) & (bright < 0.96)).float()
        self.log_factor.lerp_(few._explaining(measured, radiance, known), FIT_DAMPING)
        # Any factor explains y with some brightness of x; the exposure target decides.
        self.log_factor.lerp_(few._exposing(measured), EXPOSURE_TRUST)
        self._fit_haze(dark - few._dimmed(radiance), black_level(y))

    def _few(self, image: torch.Tensor) -> tuple[LowLight, int]:
        """This degradation, with the same φ, for every n-th row and column of a large picture, and
        n."""
        hop = max(1, math.isqrt(image[0, 0].numel() // FEW_PIXELS))
        return self._with(self.light[..., ::hop, ::hop], self.haze), hop

    def _explaining(
        self, measured: torch.Tensor, radiance: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """log f, (1, 3, 1, 1), of the least squares between the measured light and f·L·radiance
        where it is ``known``, in {0, 1}; all of one shape."""
        emitted = self.light * radiance
        seen = known * emitted
        factor = (seen * measured).sum() / ((seen * emitted).sum() + 1e-8)
        return factor.clamp(min=1e-6).log().clamp(*LOG_FACTOR_RANGE) + self._balance(measured)

    def _fit_haze(self, residual: torch.Tensor, most: float) -> None:
        """A gradient step by y - D(x0) on y's scale, which is twice that of the haze."""
        residual = residual.mean(dim=1, keepdim=True) / 2
        residual = F.adaptive_avg_pool2d(residual, HAZE_GRID)
        with torch.enable_grad():
            haze = self.haze.detach().requires_grad_(True)
            roughness = torch.autograd.grad(smoothness_loss(haze), haze)[0] * haze.numel()
        # A veil adds light: it is not negative, and the darkest pixels cannot be below it.
        self.haze.add_(0.1 * residual - 0.05 * roughness).clamp_(0, most)

    def _balance(self, measured: torch.Tensor) -> torch.Tensor:
        """Per-channel part of log f that takes ``neutral`` of the measured light's colour cast
        away."""
        means = measured.mean(dim=(2, 3), keepdim=True).clamp(min=1e-6).log()
        return self.neutral * (means - means.mean())

    def estimate(self) -> dict[str, Any]:
        factors = self.log_factor.exp().flatten().tolist()
        return {
            "light_factor": [round(f, 4) for f in factors],
            "light_map_range": [round(float(self.light.min()), 3),
                                round(float(self.light.max()), 3)],
            "haze_mean": round(float(self.haze.mean()), 4),
        }

    def _dimmed(self, radiance: torch.Tensor) -> torch.Tensor:
        """The photo that so much light would have become."""
        dimmed = encode(self.log_factor.exp() * self.light * radiance)
        return 2 * (dimmed + self._haze_at(radiance)) - 1

    def _measured_light(self, y: torch.Tensor) -> torch.Tensor:
        return decode(unit(y) - self._haze_at(y))

    def _haze_at(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.haze, size=image.shape[-2:], mode="bilinear")


def radiance_of(x: torch.Tensor) -> torch.Tensor:
    """The light, in [0, ∞), that x in [-1, 1] shows rolled off."""
    return undo_roll_off(decode(unit(x)))


def black_level(y: torch.Tensor) -> float:
    """What the darkest blocks of the photo still show, in [0, 1]; brightening would turn this
    offset of the sensor or the lens into grey blacks."""
    blocks = unit(F.avg_pool2d(y, 8, ceil_mode=True, count_include_pad=False))
    return min(LARGEST_HAZE, quantile(blocks.amin(dim=1), 0.02))


def local_light(y: torch.Tensor, amount: float) -> torch.Tensor:
    """The local light L (1, 1, H, W) in (0, 1]: edge-aware brightness of y raised to ``amount``.

    Guided filter (He et al. 2010) on the logarithm of the brightest channel in linear light,
    with its coefficients computed on a small copy.
    """
    if amount == 0:
        return y.new_ones(1, 1, *y.shape[-2:])
    guide = log_brightness(y)
    factor = max(1, min(y.shape[-2:]) // 256)
    small = F.avg_pool2d(guide, factor, ceil_mode=True, count_include_pad=False)
    radius = max(1, min(small.shape[-2:]) // 8)
    mean = box_mean(small, radius)
    variance = box_mean(small.square(), radius) - mean.square()
    slope = variance / (variance + 0.5)
    offset = mean - slope * mean

    # Bilinear enlarging is separable: columns first, and rows strip by strip.
    height, width = y.shape[-2:]
    tall = [
        F.interpolate(box_mean(each, radius), size=(height, small.shape[-1]), mode="bilinear")
        for each in (slope, offset)
    ]

    def smoothed(rows: Rows) -> None:
        steep, level = (
            F.interpolate(rows.of(each, height), (rows.bottom - rows.top, width), mode="bilinear")
            for each in tall
        )
        rows.of(guide, height).mul_(steep).add_(level)

    def dimmed(rows: Rows) -> None:
        light = rows.of(guide, height)
        light.sub_(brightest).mul_(amount).clamp_(math.log(1 / 16), 0).exp_()

    done_for_each(smoothed, in_strips(height, THIN_ROWS), y.device)
    brightest = quantile(guide, 0.98)
    done_for_each(dimmed, in_strips(height, THIN_ROWS), y.device)
    return guide


def log_brightness(y: torch.Tensor) -> torch.Tensor:
    """Logarithm of the brightest channel of y (1, 3, H, W), in main memory, in linear light over
    5×5 pixels; (1, 1, H, W)."""
    height = y.shape[-2]
    guide = y.new_empty(1, 1, *y.shape[-2:])

    def looked_at(inner: Rows) -> None:
        rows = inner.padded(MARGIN, height)
        # The curve rises, so the brightest encoded value is the brightest light.
        brightness = decode(unit(rows.of(y, height).amax(dim=1, keepdim=True)))
        # From running sums, in a twentieth of the time of pooling.
        smooth = cv2.blur(brightness[0, 0].numpy(), (5, 5), borderType=cv2.BORDER_REPLICATE)
        light = torch.from_numpy(smooth[inner.inside(rows)])
        inner.of(guide, height)[0, 0].copy_((light + 1e-3).log())

    done_for_each(looked_at, in_strips(height), y.device)
    return guide


def box_mean(image: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over (2·radius + 1)² pixels of an image (1, 1, H, W) in main memory, at the border over
    what is there; from running sums, so that a large radius costs no more than a small one."""

    def sums(pixels: np.ndarray) -> np.ndarray:
        side = (2 * radius + 1, 2 * radius + 1)
        return cv2.boxFilter(pixels, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)

    pixels = image[0, 0].numpy()
    return torch.from_numpy(sums(pixels) / sums(np.ones_like(pixels)))[None, None]


def linear_light(
    y: torch.Tensor, values: Values, subject: torch.Tensor | None = None
) -> LowLight:
    """For the photo y (1, 3, H, W), its ``subject`` (1, 1, H, W) as bright as is wished."""
    degradation = LowLight(
        local_light(y, values["fill"]), values["exposure"], values["neutral"]
    )
    degradation.haze.fill_(black_level(y))
    degradation.expose(y, subject)
    if subject is not None:
        # It is the mean of all there is that is held from here on.
        degradation.exposure = degradation.mean_brightness(y)
    return degradation


def held_at(exposure: float, x0: torch.Tensor) -> torch.Tensor:
    """The quality term that keeps the mean brightness of x0 in [0, 1]."""
    return EXPOSURE_WEIGHT * exposure_loss(x0, exposure)


def pose(given: Given, values: Values) -> Problem:
    y = given.y
    as_published = values["light"] == "gdp"
    degradation: Degradation
    if as_published:
        degradation, exposure = LightFactor.exposed(y, values["exposure"]), values["exposure"]
    else:
        degradation = linear_light(y, values, given.subject)
        exposure = degradation.exposure
    noise = noise_to_remove(y)
    likeness = likeness_of(values, given.prior)
    return Problem(
        y=y,
        degradation=degradation,
        sigma_y=tuple(values["denoise"] * sigma for sigma in noise),
        quality=(
            partial(held_at, exposure),
            lambda x0: COLOR_WEIGHT * values["neutral"] * color_constancy_loss(x0),
        ),
        start_sigma=None, coarse_sigma=0.3, zeta=0.0, coarse_steps=20,
        published=published.LOW_LIGHT if as_published else None,
        distances=likeness.distances, notes=likeness.notes,
    )


# In units of 1/variance, like the data term; f already follows the exposure, and a strong pull
# would paint light into blacks that hold none.
EXPOSURE_WEIGHT = 1 / 0.3**2
COLOR_WEIGHT = 20.0

TASK = Task(
    id="low-light",
    title="Low light",
    help=HELP,
    pose=pose,
    params=(
        Param("exposure", "Exposure", 0.45, 0.1, 0.8, 0.01, "",
              "How bright the result is on the whole; 0.45 is a normally exposed photo."),
        Param("fill", "Fill light", 0.3, 0, 1, 0.05, "",
              "How much more the dark parts are lifted than the bright ones.",
              only_if=("light", "linear")),
        Param("denoise", "Denoise", 1.3, 0, 3, 0.05, "×",
              "How much of the noise to remove; 0 keeps it all."),
        Param("neutral", "Neutral colours", 0.2, 0, 1, 0.05, "",
              "Removes a colour cast; lower it to keep the mood of the light."),
        Option("light", "Light", "linear", (
            ("linear", "As it adds up"), ("gdp", "As in the GDP paper"),
        ), "How the photo came to be dark: by less light, as in a camera, or by one factor on the "
           "values of the file, as the paper has it, for comparisons with its figures.",
               expert=True),
        *LIKENESS,
    ),
    default_steps=2,
    # What neighbours share of the noise is not removed at full size, and the coarsest level, which
    # learns the light, removes hardly any.
    least_levels=3,
    order=10,
)
