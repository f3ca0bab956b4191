"""Guidance: pull the clean estimate towards what was measured, as far as its noise allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import pairwise
from typing import NamedTuple

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
        return self._solve(x0, x0_std).add_(x0).clamp_(-1, 1)

    def _solve(self, x0: torch.Tensor, x0_std: float) -> torch.Tensor:
        terms = [_linearise(m, x0) for m in self.measurements]
        blocks = self._blocks(terms)
        if blocks is not None:
            pulls = [term.pull() for term in terms if isinstance(term, _Pointwise)]
            pulls += self._wishes(x0)
            inverse = self._diagonal(terms, x0, x0_std).reciprocal_()
            return solve_blocks(inverse, blocks, reduce(torch.add, pulls) if pulls else 0.0)

        def curvature(direction: torch.Tensor) -> torch.Tensor:
            bent = direction / x0_std**2
            for term in terms:
                bent = bent + term.adjoint(term.precision * term.forward(direction))
            return bent

        pull = reduce(torch.add, [term.pull() for term in terms] + self._wishes(x0))
        precondition = self._preconditioner(terms, x0, x0_std)
        return conjugate_gradients(curvature, pull, precondition, self.solver_steps)

    def _wishes(self, x0: torch.Tensor) -> list[torch.Tensor]:
        """-∇Q(x0), if there is anything to wish for."""
        if self.pull is not None:
            return [self.pull]
        return [-quality_gradient(self.quality, x0)] if self.quality else []

    def _preconditioner(
        self, terms: Sequence[_Linearised], x0: torch.Tensor, x0_std: float
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
        return jacobi(self._diagonal(terms, x0, x0_std))

    def _diagonal(
        self, terms: Sequence[_Linearised], x0: torch.Tensor, x0_std: float
    ) -> torch.Tensor:
        """What the prior and the pointwise measurements contribute to the curvature."""
        diagonal = torch.full_like(x0, 1 / x0_std**2)
        for term in terms:
            if isinstance(term, _Pointwise):
                diagonal += term.bent()
        return diagonal

    def _blocks(self, terms: Sequence[_Linearised]) -> list[Block] | None:
        """The block means, the finest first; None if a measurement is neither pointwise nor a block
        mean, or the blocks do not lie in each other."""
        blocks: list[Block] = []
        for term, measurement in zip(terms, self.measurements, strict=True):
            degradation = measurement.degradation
            if isinstance(degradation, BlockMean):
                pull = term.precision * term.residual
                blocks.append(Block(degradation.factor, term.precision, pull))
            elif not isinstance(term, _Pointwise):
                return None
        blocks.sort(key=lambda block: block.side)
        nested = all(b.side % a.side == 0 for a, b in pairwise(blocks))
        return blocks if nested else None


def _divided_by(bent: torch.Tensor, spectrum: Spectrum) -> Linear:
    return lambda gradient: spectrum.v(spectrum.vt(gradient) / bent.to(gradient))


class Block(NamedTuple):
    """The means over side × side values, of so much ``weight``, and what is to be seen in them
    beside what is to be seen in the values themselves."""

    side: int
    weight: float | torch.Tensor
    pull: float | torch.Tensor = 0.0


def solve_blocks(
    inverse: torch.Tensor, blocks: Sequence[Block], pull: torch.Tensor | float
) -> torch.Tensor:
    """d with (diagonal + Σ weight·BᵀB)·d = pull + Σ Bᵀ·(pull of the block), B the means of blocks
    that lie in each other; ``inverse`` is 1 / diagonal.

    Every mean adds a matrix of rank one per block, so the inverse follows from the one without it
    (Sherman and Morrison 1950); exact, and no value depends on others than those of its block.
    """
    if not blocks:
        return inverse * pull
    *finer, (side, weight, of_means) = blocks
    alone = solve_blocks(inverse, finer, pull)
    ones = solve_blocks(inverse, [Block(b.side, b.weight) for b in finer], 1.0)
    per_block = block_mean(ones, side) / side**2  # B of the answer to Bᵀ1
    excess = weight * (block_mean(alone, side) + of_means * per_block) / (1 + weight * per_block)
    return alone.addcmul_(ones, spread((of_means - excess) / side**2, side))


@dataclass(frozen=True)
class _Linearised:
    """D around x0: y - D(x0), the Jacobian J and its adjoint Jᵀ as functions."""

    residual: torch.Tensor
    precision: float | torch.Tensor
    forward: Linear
    adjoint: Linear

    def pull(self) -> torch.Tensor:
        """Minus the gradient of ½·Σ precision·(y - D(x))² at x0, its shape."""
        return self.adjoint(self.precision * self.residual)


@dataclass(frozen=True)
class _Pointwise(_Linearised):
    """The same where every value of y follows from one of x: J multiplies them with ``slope``,
    (N, 3, H, W), or (n, 3, H, W) where y is so many photos of one x."""

    slope: torch.Tensor
    of_several: bool = False

    def pull(self) -> torch.Tensor:
        return self._of_x(self._stiffness * self.residual)

    def bent(self) -> torch.Tensor:
        """The second derivative at x0, its shape."""
        return self._of_x(self._stiffness * self.slope)

    @cached_property
    def _stiffness(self) -> torch.Tensor:
        return self.precision * self.slope

    def _of_x(self, values: torch.Tensor) -> torch.Tensor:
        return values.sum(dim=0, keepdim=True) if self.of_several else values


def _linearise(measurement: Measurement, x0: torch.Tensor) -> _Linearised:
    y, degradation, precision = measurement.y, measurement.degradation, measurement.precision
    if degradation.pointwise and y.shape == x0.shape:
        predicted, slope = degradation.slope(x0)
        return _Pointwise(y - predicted, precision, slope.mul, slope.mul, slope)
    predicted, forward, adjoint = degradation.linearised(x0)
    if degradation.pointwise:
        slope = forward(torch.ones_like(x0))
        several = len(slope) > len(x0)
        return _Pointwise(y - predicted, precision, forward, adjoint, slope, several)
    return _Linearised(y - predicted, precision, forward, adjoint)
