"""Degradation: how a clean photo became the photo at hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gdp_desktop.diffusion.linear import (
    Linear,
    conjugate_gradients,
    jacobi,
    linearised,
    pointwise_slope,
)
from gdp_desktop.diffusion.resampling import block_mean, enlarged, halved, spread
from gdp_desktop.diffusion.spectrum import Diagonal, Means, Spectrum
from gdp_desktop.diffusion.strips import Rows
from gdp_desktop.image.geometry import Size

# Conjugate-gradient steps of what has no closed form.
SOLVER_STEPS = 30
# Rounding to 8 bits alone is an error of up to half a level, σ = 1/√12 of one.
SMALLEST_SIGMA = 12**-0.5 / 127.5
# What y holds at 1/33 of its strength in x is lost in rounding (as in Kawar et al. 2022, 1-D blur).
SMALLEST_SINGULAR = 0.03


class Degradation(nn.Module):
    """y = D_φ(x), for x (N, 3, H, W) in [-1, 1]; differentiable in x.

    What is learned about it (φ) are its parameters or buffers, moved by ``fit``.  A new degradation
    implements ``forward`` and whatever below differs from the identity.

    ``pointwise`` says that each value of y depends on the same value of x alone, so that the
    guidance can be solved value by value.  y may be several photos (n, 3, H, W) of one x.

    The methods for linear problems also ask for what stands under ``linear``.  A linear degradation
    says ``linear = True`` beside its ``forward``; if its singular values are known, ``spectrum``
    returns them and the rest follows in closed form, otherwise by conjugate gradients.
    """

    pointwise = True
    # Whether φ is learned at every level of the pyramid, and not at the coarsest alone.
    learns_at_every_level = False
    # Whether a row of ``initial`` and ``noise_gain`` needs no more of y than the rows within
    # strips.MARGIN of it; if not, they are made of the whole photo at once.  Where D is pointwise,
    # ``initial`` is so too.
    local = True
    # How many rows away guidance still feels a value of y, where a photo is guided in strips; None
    # if y is not made of rows, and the photo is guided as a whole.
    reach: int | None = 0
    # The noise of y counts as no less: y is pixels that were rounded to 8 bits.
    least_sigma = SMALLEST_SIGMA
    # How many pixels of x along a side make one of y.
    shrinks_by = 1
    # Main memory that guidance takes for every pixel that is guided at once, in bytes.
    guidance_bytes = 100
    # Time that a step's guidance and noise take, of what the shipped prior takes for the same
    # pixels on the same core.
    guidance_share = 0.12
    # What is done once before the first step, in windows that the shipped prior would evaluate in
    # that time; for photos as large as a window or larger.
    windows_to_begin = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The photo that x would have become, without its noise."""
        return x

    @property
    def linear(self) -> bool:
        """Whether D(ax + bx') = aD(x) + bD(x').  A ``forward`` of one's own is not taken for linear
        until its class says so."""
        return self._is_identity

    @property
    def _is_identity(self) -> bool:
        return type(self).forward is Degradation.forward

    def spectrum(self, size: Size) -> Spectrum | None:
        """The singular value decomposition of D for x of this size, or None if it has none that
        is cheap.

        A blur has one where its kernel is its own mirror image: ``spectrum.Mirrored``, for the
        half-sample mirror image that ``Blur`` continues the photo by.
        """
        return Diagonal(torch.ones(1, 1, 1, 1)) if self._is_identity else None

    def slope(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """D(x) and dD/dx of a pointwise D, both of the shape of x in [-1, 1]."""
        return pointwise_slope(self, x)

    def adjoint(self, residual: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Dᵀ residual, (N, 3, H, W); of a nonlinear D, the adjoint of its Jacobian at x.

        ``x`` has the shape of the result; a linear D does not look at its values.
        """
        return self.linearised(x)[2](residual)

    def linearised(self, x: torch.Tensor) -> tuple[torch.Tensor, Linear, Linear]:
        """D(x), and the Jacobian of D at x and its adjoint as functions."""
        predicted, forward, adjoint = linearised(self, x)
        # A linear D is its own Jacobian, at half the price.
        return predicted, self.forward if self.linear else forward, adjoint

    @torch.no_grad()
    def pseudo_inverse(
        self, y: torch.Tensor, smallest: float = SMALLEST_SINGULAR
    ) -> torch.Tensor:
        """D⁺ y of a linear D: the smallest x that explains y best.

        Singular values below ``smallest`` count as 0.  Without a spectrum, conjugate gradients
        stop after SOLVER_STEPS, which leaves out the smallest in its own way.
        """
        start = torch.zeros_like(self.initial(y))
        spectrum = self.spectrum(Size(start.shape[-1], start.shape[-2]))
        if spectrum is not None:
            return spectrum.pseudo_inverse(y, smallest)
        _, forward, adjoint = self.linearised(start)
        return conjugate_gradients(
            lambda direction: adjoint(forward(direction)), adjoint(y),
            jacobi(torch.ones_like(start)), SOLVER_STEPS,
        )

    @torch.no_grad()
    def prox(self, x0: torch.Tensor, y: torch.Tensor, rho: float) -> torch.Tensor:
        """The minimum over x of ‖y - D(x)‖² + ρ·‖x - x0‖², rho > 0.

        A nonlinear D is linearised at x0.
        """
        spectrum = self.spectrum(Size(x0.shape[-1], x0.shape[-2]))
        if spectrum is not None:
            return spectrum.prox(x0, y, rho)
        predicted, forward, adjoint = self.linearised(x0)
        diagonal = torch.full_like(x0, rho)
        if self.pointwise:
            bent = forward(torch.ones_like(x0)).square()
            # y may be several photos of one x.
            diagonal += bent.sum(dim=0, keepdim=True) if len(bent) > len(x0) else bent
        return x0 + conjugate_gradients(
            lambda direction: adjoint(forward(direction)) + rho * direction,
            adjoint(y - predicted), jacobi(diagonal), SOLVER_STEPS,
        )

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        """A trivial restoration of y, the size of x: where sampling starts from."""
        return y

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        """How much ``initial`` amplifies noise in y, (N, 1, H, W) or (1, 1, 1, 1)."""
        return y.new_ones(1, 1, 1, 1)

    @property
    def unevenness(self) -> torch.Tensor | None:
        """How strong y's noise is from place to place, broadcastable to y and relative to σ_y; None
        where it is even."""
        return None

    def rows(self, rows: Rows, height: int) -> Degradation:
        """The same degradation for an x that is these rows of one of this height.

        It may stand for the whole photo itself where all places are alike.
        """
        return self

    def shrunk(self) -> Degradation:
        """The same degradation for photos of half the size (the coarser pyramid level)."""
        return self

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        """The y that belongs to ``shrunk()``: y as it were of x at half size."""
        return halved(y)

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        """Moves φ towards explaining y by the clean estimate x0 (one damped step)."""

    def adopt(self, coarse: Degradation) -> None:
        """Takes over what was learned at a coarser level."""

    def estimate(self) -> dict[str, Any]:
        """What is known of φ, as numbers for the report."""
        return {}

    def by_products(self) -> dict[str, torch.Tensor]:
        """What is known of φ and too much for a report, by name: a kernel, a map."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about what was found."""
        return ()


class BlockMean(Degradation):
    """Each output pixel is the mean of a factor × factor block: an ideal sensor of fewer pixels.

    D Dᵀ = I / factor², so nearest-neighbour replication is its pseudo-inverse.
    """

    pointwise = False
    linear = True

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = self.shrinks_by = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return block_mean(x, self.factor)

    def linearised(self, x: torch.Tensor) -> tuple[torch.Tensor, Linear, Linear]:
        return self(x), self.forward, lambda y: spread(y / self.factor**2, self.factor)

    def spectrum(self, size: Size) -> Spectrum | None:
        return Means(self.factor)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return enlarged(y, self.factor)
