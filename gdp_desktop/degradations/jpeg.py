"""JPEG as a degradation: what is left of a photo are rounded DCT coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.resampling import halved
from gdp_desktop.image.geometry import Size

BLOCK = 8
RICHARDSON_STEPS = 25
# Rounding to whole numbers, there and back, in steps of 255.
LARGEST_MISFIT = 1.0
# So many blocks, and coefficients that differ from 0, tell how a photo was compressed.
ENOUGH_BLOCKS = 2000
ENOUGH = 40
# Y, Cb, Cr from R, G, B (ITU-T T.871, JFIF).
LUMA = (0.299, 0.587, 0.114)
TO_YCBCR = (
    LUMA,
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
# Standard deviation of a rounding error, in steps.
ROUNDING = 1 / math.sqrt(12)


def dct_basis() -> torch.Tensor:
    """The 64 orthonormal cosine pictures (64, 1, 8, 8), row by row of vertical frequency."""
    position = torch.arange(BLOCK, dtype=torch.float64)
    cosine = torch.cos(math.pi / BLOCK * (position[None] + 0.5) * position[:, None])
    cosine = cosine * torch.where(position == 0, 0.5, 1.0)[:, None].sqrt() / 2
    return torch.einsum("ui,vj->uvij", cosine, cosine).reshape(64, 1, BLOCK, BLOCK)


class Jpeg(Degradation):
    """y = the DCT coefficients of x, each in units of its own rounding error.

    A coefficient c was stored as k = round(c / q), so it is q·k with an error of q/√12.  y lists
    c / q · (smallest q) of all components as (1, 1, 1, N), on [-1, 1] pixels; there the error is
    ``sigma_y`` everywhere.  Brightness and colour difference (Y, Cb, Cr) have their own ``tables``
    of steps (C, 8, 8) and their own resolution: ``shrinkage`` says how many pixels across and down
    share one value.  ``size`` is that of the photo as stored and ``orientation`` how EXIF turns it;
    x, of ``padded`` pixels, may go on to the right and below, where nothing is known.
    """

    pointwise = False
    local = False
    reach = None
    # Fine steps leave less of an error than rounded pixels have.
    least_sigma = 1e-4
    guidance_bytes = 240
    basis: torch.Tensor
    to_ycbcr: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self,
        tables: torch.Tensor,
        shrinkage: Sequence[tuple[int, int]],
        size: Size,
        orientation: int = 1,
        padded: Size | None = None,
    ) -> None:
        super().__init__()
        self.shrinkage, self.size, self.orientation = tuple(shrinkage), size, orientation
        self.upright = Size(*reversed(size)) if orientation >= 5 else size
        self.padded = padded or self.upright
        self.register_buffer("basis", dct_basis().float())
        self.register_buffer("to_ycbcr", torch.tensor(TO_YCBCR))
        self.register_buffer("steps", tables.reshape(-1, 64).float())

    @property
    def sigma_y(self) -> float:
        """Standard deviation of the rounding error of y."""
        return float(self.steps.min()) * ROUNDING / 127.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = turned_back(x[..., : self.upright.height, : self.upright.width], self.orientation)
        ycbcr = torch.einsum("ij,njhw->nihw", self.to_ycbcr, x)
        planes = ycbcr[:, : len(self.shrinkage)].split(1, dim=1)
        return self._listed([
            self._dct(shrunk_by(plane, shrinkage) - level_shift(number))
            for number, (plane, shrinkage) in enumerate(zip(planes, self.shrinkage, strict=True))
        ])

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        height, width = self.size.shape
        planes = []
        for number, coefficients in enumerate(self._coefficients(y)):
            plane = F.conv_transpose2d(coefficients, self.basis, stride=BLOCK)
            across, down = self.shrinkage[number]
            plane = plane[..., : -(-height // down), : -(-width // across)] + level_shift(number)
            planes.append(enlarged_by(plane, self.shrinkage[number])[..., :height, :width])
        ycbcr = F.pad(torch.cat(planes, dim=1), (0, 0, 0, 0, 0, 3 - len(planes)))
        rgb = torch.einsum("ij,njhw->nihw", torch.linalg.inv(self.to_ycbcr), ycbcr)
        rgb = turned(rgb, self.orientation).clamp(-1, 1)
        beyond = (0, self.padded.width - rgb.shape[-1], 0, self.padded.height - rgb.shape[-2])
        return F.pad(rgb, beyond, mode="replicate")

    def measured(self, components: torch.Tensor) -> torch.Tensor:
        """y of a decoded file: ``components`` (C, H, W) in 0 … 255 as stored, Y or Y, Cb and Cr.

        The decoder rounds pixels, cuts them off at black and white and smooths colour differences
        up to full size; all but the cutting off is undone by going to the nearest stored value.
        """
        listed = []
        for number, (plane, shrinkage) in enumerate(zip(components, self.shrinkage, strict=True)):
            small = shrunk_exactly((plane[None, None].float() - 128) / 127.5, shrinkage)
            step = self.steps[number].view(1, 64, 1, 1) / 127.5
            coefficients = self._dct(small)
            # A block that the photo's edge cuts through is only known as far as it is seen.
            rows, columns = (n // BLOCK for n in small.shape[-2:])
            inner = coefficients[..., :rows, :columns]
            coefficients[..., :rows, :columns] = (inner / step).round() * step
            listed.append(coefficients)
        return self._listed(listed)

    def shrunk(self) -> Degradation:
        return Degradation()

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        return halved(self.initial(y))

    def estimate(self) -> dict[str, Any]:
        return {
            "jpeg_steps": [round(float(step), 2) for step in self.steps.mean(dim=1)],
            "jpeg_shrinkage": [list(shrinkage) for shrinkage in self.shrinkage],
        }

    def _dct(self, plane: torch.Tensor) -> torch.Tensor:
        """(1, 1, h, w) -> (1, 64, h/8, w/8), the plane continued by its last row and column."""
        height, width = plane.shape[-2:]
        plane = F.pad(plane, (0, -width % BLOCK, 0, -height % BLOCK), mode="replicate")
        return F.conv2d(plane, self.basis, stride=BLOCK)

    def _listed(self, coefficients: Sequence[torch.Tensor]) -> torch.Tensor:
        share = (self.steps.min() / self.steps).view(-1, 1, 64, 1, 1)
        return torch.cat([
            (weight * c).reshape(1, 1, 1, -1)
            for weight, c in zip(share, coefficients, strict=True)
        ], dim=-1)

    def _coefficients(self, y: torch.Tensor) -> list[torch.Tensor]:
        """The inverse of ``_listed``."""
        share = (self.steps.min() / self.steps).view(-1, 1, 64, 1, 1)
        shapes = [
            (1, 64, *(-(-n // (BLOCK * by)) for n, by in zip(self.size.shape, (d, a), strict=True)))
            for a, d in self.shrinkage
        ]
        parts = y.flatten().split([math.prod(shape) for shape in shapes])
        return [
            part.view(shape) / weight
            for part, shape, weight in zip(parts, shapes, share, strict=True)
        ]


def level_shift(component: int) -> float:
    """JPEG counts brightness from 128, which is 1/255 above the middle of [-1, 1]."""
    return 1 / 255 if component == 0 else 0.0


def shrunk_by(plane: torch.Tensor, shrinkage: tuple[int, int]) -> torch.Tensor:
    """Block means, the plane continued by its last row and column where it does not divide."""
    across, down = shrinkage
    height, width = plane.shape[-2:]
    plane = F.pad(plane, (0, -width % across, 0, -height % down), mode="replicate")
    return F.avg_pool2d(plane, (down, across))


def enlarged_by(plane: torch.Tensor, shrinkage: tuple[int, int]) -> torch.Tensor:
    """As libjpeg does: linearly between the centres for two, by repetition for more."""
    across, down = shrinkage
    if max(shrinkage) > 2:
        return plane.repeat_interleave(down, dim=-2).repeat_interleave(across, dim=-1)
    return F.interpolate(plane, scale_factor=(down, across), mode="bilinear")


def shrunk_exactly(plane: torch.Tensor, shrinkage: tuple[int, int]) -> torch.Tensor:
    """The small plane that ``enlarged_by`` made this one of (Richardson iteration)."""
    if shrinkage == (1, 1):
        return plane
    height, width = plane.shape[-2:]
    small = shrunk_by(plane, shrinkage)
    for _ in range(RICHARDSON_STEPS):
        missed = plane - enlarged_by(small, shrinkage)[..., :height, :width]
        # Enlarging and shrinking keeps from 1/4 to all of a frequency.
        small = small + 1.6 * shrunk_by(missed, shrinkage)
    return small


def turned(image: torch.Tensor, orientation: int) -> torch.Tensor:
    """(…, H, W) as stored to upright, by EXIF orientation 1 … 8."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(-2, -1)
    if orientation in (3, 4, 7, 8):
        image = image.flip(-2)
    return image.flip(-1) if orientation in (2, 3, 6, 7) else image


def turned_back(image: torch.Tensor, orientation: int) -> torch.Tensor:
    """The inverse of ``turned``."""
    # Only the quarter turns are not their own inverse.
    return turned(image, {6: 8, 8: 6}.get(orientation, orientation))


def to_components(y: torch.Tensor) -> torch.Tensor:
    """(1, 3, H, W) in [-1, 1] -> Y, Cb, Cr (3, H, W) in 0 … 255."""
    ycbcr = torch.einsum("ij,jhw->ihw", torch.tensor(TO_YCBCR).to(y), y[0])
    return 127.5 * ycbcr + torch.tensor([127.5, 128.0, 128.0]).view(3, 1, 1)


def looks_halved(components: torch.Tensor) -> bool:
    """Whether the colour difference of a decoded photo (3, H, W) could have been stored at half
    its width and height."""
    if min(components.shape[-2:]) < 2:
        return False
    colour = components[1:, None]
    again = enlarged_by(shrunk_exactly(colour, (2, 2)), (2, 2))
    height, width = colour.shape[-2:]
    return float((again[..., :height, :width] - colour).square().mean().sqrt()) < LARGEST_MISFIT


def telling_coefficients(y: torch.Tensor) -> torch.Tensor:
    """The DCT coefficients (64, N) of a decoded photo's brightness, in grey levels, from the blocks
    that say most about how they were rounded; y is (1, 3, H, W) in [-1, 1]."""
    height, width = (n // BLOCK * BLOCK for n in y.shape[-2:])
    if not height or not width:
        return y.new_zeros(64, 0)
    y = y[..., :height, :width]
    brightness = to_components(y)[None, :1] - 128
    found = F.conv2d(brightness, dct_basis().float(), stride=BLOCK)[0].flatten(1)
    # What was cut off at black or white is not rounded any more.
    clipped = F.max_pool2d(y.abs().amax(dim=1), BLOCK).flatten() > 0.995
    found = found[:, ~clipped]
    strength = found[1:].square().sum(dim=0)
    return found[:, strength.topk(min(len(strength), ENOUGH_BLOCKS)).indices]


def share_rounded(found: torch.Tensor, steps: torch.Tensor) -> float:
    """The share of the coefficients (64, N) that lie on multiples of these steps (8, 8)."""
    step = steps.reshape(64, 1).float()
    error = (found - step * (found / step).round()).abs()
    # Decoding rounds pixels to whole numbers, in flat blocks all alike; that hides fine steps.
    telling = (found.abs() > 1.5) & (step >= 3)
    near = (error < (0.1 * step).clamp(0.9, 2.5))[telling]
    return float(near.float().mean()) if len(near) >= ENOUGH else 0.0
