"""Guidance: pull the clean estimate towards what was measured, as far as its noise allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.gradients import quality_gradient
from gdp_desktop.diffusion.linear import (
    Linear,
    conjugate_gradients,
    jacobi,
)
from gdp_desktop.diffusion.quality import QualityTerm
from gdp_desktop.diffusion.resampling import block_mean, spread
from gdp_desktop.diffusion.spectrum import Spectrum
from gdp_desktop.image.geometry import Size


@dataclass(frozen=True)
class Measurement:
    """y = D(x) + noise of standard deviation sigma (units of y, [-1, 1] scale), times
    ``degradation.unevenness`` where D has one.

    ``weight`` in [0, 1], one for all or broadcastable to y, is the share of each value's
    information that is news: 0 where x_t holds it already.
    """

    y: torch.Tensor
    degradation: Degradation
    sigma: float
    weight: float | torch.Tensor = 1.0

    @property
    def precision(self) -> float | torch.Tensor:
        """weight/σ² of each value of y; a float where it is the same for all."""
        known = self.weight / max(self.sigma, self.degradation.least_sigma) ** 2
        unevenness = self.degradation.unevenness
        return known if unevenness is None else known / unevenness.square()


@dataclass(frozen=True)
class Guidance:
    """GDP-x̃0 guidance: gradient of L(y, D_φ(x̃0)) + Q(x̃0) with respect to x̃0 only.

    With the prior's answer x̃0 at a step known to be off by r (``Prior.x0_std``), the best x is
    the minimum of

        ½·Σ ‖y - D(x)‖² / σ_y²  +  ½·‖x - x̃0‖² / r²  +  Q(x).

    ``solver_steps`` conjugate-gradient steps from x̃0 lead there (D and Q linearised at x̃0); where
    every D is pointwise or a block mean, the minimum is written down at once instead.  The
    first of them is GDP's own update, x̃0 - κ·∇L, with κ at its best value instead of a constant
    (one per value where D is pointwise), so it depends neither on the photo's size nor on the
    number of timesteps; and because σ_y stands against r, the residual is driven to the photo's
    noise and not to zero.

    ``learn`` says whether the degradations move their parameters φ in the same step.  ``pull`` is
    minus the gradient of Q, of the shape of x0, where it was found before: a part of a photo cannot
    tell what Q wishes of the whole.
    """

    measurements: Sequence[Measurement]
    quality: Sequence[QualityTerm] = ()
    solver_steps: int = 4
    learn: bool = False
    pull: torch.Tensor | None = None

    def __call__(self, x0: torch.Tensor, x0_std: float) -> torch.Tensor:
        """The guided clean estimate, same shape, in [-1, 1]."""
        if self.learn:
            for measurement in self.measurements:
                measurement.degradation.fit(x0, measurement.y)
        shift = self._solve(x0, x0_std)
        return (x0 + shift).clamp(-1, 1)

    def _solve(self, x0: torch.Tensor, x0_std: float) -> torch.Tensor:
        linearised = [_linearise(m, x0) for m in self.measurements]
        pull = -quality_gradient(self.quality, x0) if self.pull is None else self.pull.clone()
        for term in linearised:
            pull += term.adjoint(term.precision * term.residual)

        blocks = self._blocks(linearised)
        if blocks is not None:
            return solve_blocks(self._diagonal(linearised, x0, x0_std), blocks, pull)

        def curvature(direction: torch.Tensor) -> torch.Tensor:
            bent = direction / x0_std**2
            for term in linearised:
                bent = bent + term.adjoint(term.precision * term.forward(direction))
            return bent

        precondition = self._preconditioner(linearised, x0, x0_std)
        return conjugate_gradients(curvature, pull, precondition, self.solver_steps)

    def _preconditioner(
        self, linearised: Sequence[_Linearised], x0: torch.Tensor, x0_std: float
    ) -> Linear:
        """Nearly the inverse of the curvature: exact for the prior and one D whose singular values
        are known, be it only that of the coarser size, else value by value (Jacobi)."""
        for measurement in self.measurements:
            precision, degradation = measurement.precision, measurement.degradation
            if isinstance(precision, float) and not degradation.pointwise:
                spectrum = degradation.spectrum(Size(x0.shape[-1], x0.shape[-2]))
                if spectrum is not None:
                    bent = 1 / x0_std**2 + precision * spectrum.singular.square()
                    return _divided_by(bent, spectrum)
        return jacobi(self._diagonal(linearised, x0, x0_std))

    def _diagonal(
        self, linearised: Sequence[_Linearised], x0: torch.Tensor, x0_std: float
    ) -> torch.Tensor:
        """What the prior and the pointwise measurements contribute to the curvature."""
        diagonal = torch.full_like(x0, 1 / x0_std**2)
        for term in linearised:
            if term.slope is not None:
                bent = term.precision * term.slope.square()
                # y may be several photos of one x.
                diagonal += bent.sum(dim=0, keepdim=True) if len(bent) > len(x0) else bent
        return diagonal

    def _blocks(self, linearised: Sequence[_Linearised]) -> list[Block] | None:
        """Side and precision of every block mean, the finest first; None if a measurement is
        neither pointwise nor a block mean, or the blocks do not lie in each other."""
        blocks: list[Block] = []
        for term, measurement in zip(linearised, self.measurements, strict=True):
            degradation = measurement.degradation
            if isinstance(degradation, BlockMean):
                blocks.append((degradation.factor, term.precision))
            elif term.slope is None:
                return None
        blocks.sort(key=lambda block: block[0])
        nested = all(b[0] % a[0] == 0 for a, b in pairwise(blocks))
        return blocks if nested else None


def _divided_by(bent: torch.Tensor, spectrum: Spectrum) -> Linear:
    return lambda gradient: spectrum.v(spectrum.vt(gradient) / bent.to(gradient))


Block = tuple[int, "float | torch.Tensor"]


def solve_blocks(
    diagonal: torch.Tensor, blocks: Sequence[Block], pull: torch.Tensor
) -> torch.Tensor:
    """d with (diagonal + Σ weight·BᵀB)·d = pull, B the means of blocks that lie in each other.

    Every mean adds a matrix of rank one per block, so the inverse follows from the one without it
    (Sherman and Morrison 1950); exact, and no value depends on others than those of its block.
    """
    if not blocks:
        return pull / diagonal
    *finer, (side, weight) = blocks
    ones = solve_blocks(diagonal, finer, torch.full_like(pull, 1 / side**2))  # of Bᵀ1
    alone = solve_blocks(diagonal, finer, pull)
    excess = weight * block_mean(alone, side) / (1 + weight * block_mean(ones, side))
    return alone - ones * spread(excess, side)


@dataclass(frozen=True)
class _Linearised:
    """D around x0: y - D(x0), the Jacobian J and its adjoint Jᵀ as functions.

    ``slope``: where every value of y follows from one value of x, what J multiplies them with.
    """

    residual: torch.Tensor
    forward: Linear
    adjoint: Linear
    precision: float | torch.Tensor
    slope: torch.Tensor | None


def _linearise(measurement: Measurement, x0: torch.Tensor) -> _Linearised:
    degradation = measurement.degradation
    forward: Linear
    adjoint: Linear
    slope: torch.Tensor | None = None
    if degradation.pointwise and measurement.y.shape == x0.shape:
        predicted, slope = degradation.slope(x0)
        forward = adjoint = slope.mul
    else:
        predicted, forward, adjoint = degradation.linearised(x0)
        if degradation.pointwise:
            slope = forward(torch.ones_like(x0))
    return _Linearised(
        measurement.y - predicted, forward, adjoint, measurement.precision, slope
    )
