"""Guidance: pull the clean estimate towards what was measured, as far as its noise allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.linear import Linear, conjugate_gradients, linearised
from gdp_desktop.diffusion.quality import QualityTerm

# Below half a grey level a photo says nothing: quantisation alone is ±0.5 of 255.
SMALLEST_SIGMA = 0.5 / 127.5


@dataclass(frozen=True)
class Measurement:
    """y = D(x) + noise of standard deviation sigma (units of y, [-1, 1] scale).

    ``weight`` in [0, 1], broadcastable to y, is the share of each value's information that is news:
    0 where x_t holds it already.
    """

    y: torch.Tensor
    degradation: Degradation
    sigma: float
    weight: torch.Tensor | None = None

    @property
    def precision(self) -> float | torch.Tensor:
        known = 1 / max(self.sigma, SMALLEST_SIGMA) ** 2
        return known if self.weight is None else known * self.weight


@dataclass(frozen=True)
class Guidance:
    """GDP-x̃0 guidance: gradient of L(y, D_φ(x̃0)) + Q(x̃0) with respect to x̃0 only.

    With the prior's answer x̃0 at a step known to be off by r (``Prior.x0_std``), the best x is
    the minimum of

        ½·scale·Σ ‖y - D(x)‖² / σ_y²  +  ½·‖x - x̃0‖² / r²  +  Q(x).

    ``solver_steps`` conjugate-gradient steps from x̃0 lead there (D and Q linearised at x̃0).  The
    first of them is GDP's own update, x̃0 - κ·∇L, with κ at its best value instead of a constant
    (one per value where D is pointwise), so it depends neither on the photo's size nor on the
    number of timesteps; and because σ_y stands against r, the residual is driven to the photo's
    noise and not to zero.

    ``learn`` says whether the degradations move their parameters φ in the same step.
    """

    measurements: Sequence[Measurement]
    quality: Sequence[QualityTerm] = ()
    scale: float = 1.0
    solver_steps: int = 4
    learn: bool = False

    def __call__(self, x0: torch.Tensor, x0_std: float) -> torch.Tensor:
        """The guided clean estimate, same shape, in [-1, 1]."""
        if self.learn:
            for measurement in self.measurements:
                measurement.degradation.fit(x0, measurement.y)
        shift = self._solve(x0, x0_std)
        return (x0 + shift).clamp(-1, 1)

    def _solve(self, x0: torch.Tensor, x0_std: float) -> torch.Tensor:
        linearised = [_linearise(m, x0) for m in self.measurements]
        pull = sum(
            (self.scale * term.adjoint(term.precision * term.residual) for term in linearised),
            start=-self._quality_gradient(x0),
        )

        def curvature(direction: torch.Tensor) -> torch.Tensor:
            bent = direction / x0_std**2
            for term in linearised:
                moved = term.adjoint(term.precision * term.forward(direction))
                bent = bent + self.scale * moved
            return bent

        diagonal = torch.full_like(x0, 1 / x0_std**2)
        for term in linearised:
            if term.pointwise:
                slope = term.forward(torch.ones_like(x0))
                diagonal = diagonal + self.scale * term.precision * slope.square()
        return conjugate_gradients(curvature, pull, diagonal, self.solver_steps)

    def _quality_gradient(self, x0: torch.Tensor) -> torch.Tensor:
        if not self.quality:
            return torch.zeros_like(x0)
        with torch.enable_grad():
            variable = x0.detach().requires_grad_(True)
            loss = torch.stack([term(variable) for term in self.quality]).sum()
            return torch.autograd.grad(loss, variable)[0]

    def residual(self, x0: torch.Tensor) -> float:
        """RMS of y - D(x0) over all measurements' first, the photo; units of y."""
        photo = self.measurements[0]
        with torch.no_grad():
            return float((photo.y - photo.degradation(x0)).square().mean().sqrt())


@dataclass(frozen=True)
class _Linearised:
    """D around x0: y - D(x0), the Jacobian J and its adjoint Jᵀ as functions."""

    residual: torch.Tensor
    forward: Linear
    adjoint: Linear
    precision: float | torch.Tensor
    pointwise: bool


def _linearise(measurement: Measurement, x0: torch.Tensor) -> _Linearised:
    degradation = measurement.degradation
    predicted, forward, adjoint = linearised(degradation, x0)
    return _Linearised(
        measurement.y - predicted, forward, adjoint, measurement.precision, degradation.pointwise
    )
