"""Singular value decompositions D = U S Vᵀ that need no matrix: every factor is a function."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F

from gdp_desktop.image.geometry import Size


class Spectrum(ABC):
    """D in coordinates in which it only scales: D x = U S Vᵀ x, with V and U orthonormal.

    A coordinate array z = Vᵀ x has as many values as x, whatever its shape.  Where the singular
    value is 0, y says nothing: ``ut`` fills such places with 0.
    """

    @property
    @abstractmethod
    def singular(self) -> torch.Tensor:
        """S, not negative, float64; broadcasts to a coordinate array."""

    @abstractmethod
    def vt(self, x: torch.Tensor) -> torch.Tensor:
        """Vᵀ x for x (N, C, H, W)."""

    @abstractmethod
    def v(self, z: torch.Tensor) -> torch.Tensor:
        """V z, the shape of x."""

    @abstractmethod
    def ut(self, y: torch.Tensor) -> torch.Tensor:
        """Uᵀ y as a coordinate array."""

    def pseudo_inverse(self, y: torch.Tensor, smallest: float) -> torch.Tensor:
        """V S⁺ Uᵀ y; singular values below ``smallest`` count as 0."""
        z = self.ut(y)
        singular = self.singular.to(z)
        known = singular >= max(smallest, 1e-12)
        return self.v(torch.where(known, z / singular.clamp(min=1e-12), torch.zeros_like(z)))

    def prox(self, x0: torch.Tensor, y: torch.Tensor, rho: float) -> torch.Tensor:
        """The minimum of ‖y - Dx‖² + ρ·‖x - x0‖², rho > 0."""
        z0 = self.vt(x0)
        singular = self.singular.to(z0)
        return self.v((singular * self.ut(y) + rho * z0) / (singular.square() + rho))


class Diagonal(Spectrum):
    """y = slopes · x, value by value: a mask, or the identity.  Slopes are not negative and
    broadcast to x."""

    def __init__(self, slopes: torch.Tensor) -> None:
        self._slopes = slopes.double()

    @property
    def singular(self) -> torch.Tensor:
        return self._slopes

    def vt(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def v(self, z: torch.Tensor) -> torch.Tensor:
        return z

    def ut(self, y: torch.Tensor) -> torch.Tensor:
        return (self._slopes > 0).to(y) * y


class Means(Spectrum):
    """Means of groups of n values: those of a block, or a pixel's channels.

    The mean is 1/√n times the coordinate along (1, …, 1)/√n.  The reflection that swaps this
    direction with the first axis (Householder) is orthonormal and its own inverse, so it is V.
    Coordinates are (N, C', n, H', W'); only the first of each group is measured.
    """

    def __init__(self, block: int = 1, *, over_channels: bool = False) -> None:
        self.block, self.over_channels = block, over_channels
        self.count = 3 if over_channels else block**2
        if over_channels and block != 1:
            raise ValueError("means over channels and blocks at once are not needed anywhere")

    @property
    def singular(self) -> torch.Tensor:
        values = torch.zeros(1, 1, self.count, 1, 1, dtype=torch.float64)
        values[:, :, 0] = self.count**-0.5
        return values

    def vt(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        if self.over_channels:
            return self._reflected(x[:, None])
        folded = F.pixel_unshuffle(x, self.block)
        shape = (batch, channels, self.count, height // self.block, width // self.block)
        return self._reflected(folded.view(shape))

    def v(self, z: torch.Tensor) -> torch.Tensor:
        groups = self._reflected(z)
        return groups[:, 0] if self.over_channels else F.pixel_shuffle(
            groups.flatten(1, 2), self.block
        )

    def ut(self, y: torch.Tensor) -> torch.Tensor:
        z = y.new_zeros(*y.shape[:2], self.count, *y.shape[2:])
        z[:, :, 0] = y
        return z

    def _reflected(self, groups: torch.Tensor) -> torch.Tensor:
        normal = torch.full((self.count,), self.count**-0.5, dtype=torch.float64)
        normal[0] -= 1
        if self.count == 1:
            return groups
        normal = (normal / normal.norm()).to(groups).view(1, 1, -1, 1, 1)
        return groups - 2 * normal * (normal * groups).sum(dim=2, keepdim=True)


class OfGrey(Spectrum):
    """The mean of the three channels, in all three of them, of what ``each`` does to every channel
    alike: the two commute.

    D = P ⊗ A with P the projection onto (1, 1, 1)/√3, whose singular values are 1, 0, 0.  V is
    that of ``each`` after the reflection that makes the mean the first channel (as in ``Means``);
    coordinates are those of ``each``, (N, 3, …), of which only the first channel is measured.
    """

    def __init__(self, each: Spectrum) -> None:
        self.each = each

    @property
    def singular(self) -> torch.Tensor:
        return self._measured(self.each.singular)

    def vt(self, x: torch.Tensor) -> torch.Tensor:
        return self.each.vt(_mean_first(x))

    def v(self, z: torch.Tensor) -> torch.Tensor:
        return _mean_first(self.each.v(z))

    def ut(self, y: torch.Tensor) -> torch.Tensor:
        return self._measured(self.each.ut(_mean_first(y)))

    def _measured(self, z: torch.Tensor) -> torch.Tensor:
        """(…, 3, …) or one for all channels, with 0 in all but the first."""
        first = torch.tensor([1.0, 0, 0]).to(z)
        return first.view(1, 3, *[1] * (z.ndim - 2)) * z


def _mean_first(x: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) reflected so that √3 times the mean becomes the first channel."""
    return Means(over_channels=True).vt(x)[:, 0]


class Mirrored(Spectrum):
    """Convolution with a kernel that is symmetric in each direction, of a photo continued by its
    mirror image (half-sample symmetric: the border pixel comes twice, …b a | a b …).

    This continuation, and no other of the usual ones, is what the DCT-II diagonalises.  The
    eigenvalue at frequency (k, l) is Σ k[m, n]·cos(πkm/H)·cos(πln/W); its sign goes to U.
    ``kernel`` is (h, w), odd and centred.
    """

    def __init__(self, kernel: torch.Tensor, size: Size) -> None:
        kernel = kernel.double()
        if not symmetric_in_each_direction(kernel):
            raise ValueError("the DCT diagonalises only kernels that are their mirror images")
        rows, columns = (
            torch.outer(
                torch.arange(length).to(kernel) * (math.pi / length),
                torch.arange(taps).to(kernel) - taps // 2,
            ).cos()
            for length, taps in zip(size.shape, kernel.shape, strict=True)
        )
        self._eigenvalues = (rows @ kernel @ columns.T)[None, None]

    @property
    def singular(self) -> torch.Tensor:
        return self._eigenvalues.abs()

    def vt(self, x: torch.Tensor) -> torch.Tensor:
        return dct(dct(x, -1), -2)

    def v(self, z: torch.Tensor) -> torch.Tensor:
        return inverse_dct(inverse_dct(z, -1), -2)

    def ut(self, y: torch.Tensor) -> torch.Tensor:
        return self._signs.to(y) * self.vt(y)

    @property
    def _signs(self) -> torch.Tensor:
        return torch.where(self._eigenvalues < 0, -1.0, 1.0)


def symmetric_in_each_direction(kernel: torch.Tensor) -> bool:
    """Whether a kernel (h, w) equals its mirror images left to right and top to bottom."""
    tolerance = 1e-6 * float(kernel.abs().max())
    return all(
        bool(((kernel - kernel.flip(side)).abs() <= tolerance).all()) for side in (0, 1)
    )


def dct(x: torch.Tensor, side: int) -> torch.Tensor:
    """Orthonormal DCT-II along one dimension: the Fourier transform of x and its mirror image,
    turned by half a sample to be real."""
    x = x.movedim(side, -1)
    length = x.shape[-1]
    transformed = torch.fft.rfft(torch.cat((x, x.flip(-1)), -1))[..., :length]
    angles = torch.arange(length, dtype=torch.float64, device=x.device) * (math.pi / (2 * length))
    turned = transformed.real * angles.cos().to(x) + transformed.imag * angles.sin().to(x)
    return (turned * _dct_scale(length).to(x)).movedim(-1, side)


def inverse_dct(z: torch.Tensor, side: int) -> torch.Tensor:
    """The inverse of ``dct``, which is its transpose."""
    z = z.movedim(side, -1)
    length = z.shape[-1]
    angles = torch.arange(length, dtype=torch.float64, device=z.device) * (math.pi / (2 * length))
    unscaled = z / _dct_scale(length).to(z)
    turned = torch.complex(unscaled * angles.cos().to(z), unscaled * angles.sin().to(z))
    # The mirror image has nothing at the highest frequency.
    turned = F.pad(turned, (0, 1))
    return torch.fft.irfft(turned, n=2 * length)[..., :length].movedim(-1, side)


def _dct_scale(length: int) -> torch.Tensor:
    scale = torch.full((length,), (1 / (2 * length)) ** 0.5, dtype=torch.float64)
    scale[0] = (1 / (4 * length)) ** 0.5
    return scale
