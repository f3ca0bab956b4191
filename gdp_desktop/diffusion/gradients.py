"""The slopes that guidance follows: of the data term, of quality terms, and how steep they get."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gdp_desktop.diffusion.linear import Linear, Map, pulled_through
from gdp_desktop.diffusion.quality import QualityTerm

FIRST_ITERATIONS = 10
# RMS of the change of x that slopes are measured with, and the curvature that counts as none.
TINY, FLAT = 0.01, 1e-12


def quality_gradient(terms: Sequence[QualityTerm], x: torch.Tensor) -> torch.Tensor:
    """∇Q(x), the shape of x."""
    if not terms:
        return torch.zeros_like(x)
    with torch.enable_grad():
        variable = x.detach().requires_grad_(True)
        loss = torch.stack([term(variable) for term in terms]).sum()
        return torch.autograd.grad(loss, variable)[0]


class DataTerm:
    """½‖y - D(x)‖² around a point that moves from step to step.

    ``look(D, y, x)`` linearises D there.  Then ``residual`` is y - D(x), ``gradient`` Jᵀ(D(x) - y),
    and ``curvature`` the largest eigenvalue of JᵀJ: a step longer than its inverse overshoots.  It
    is followed by power iteration, one iteration per look after the first, and approached from
    below.
    """

    residual: torch.Tensor
    gradient: torch.Tensor
    curvature: float

    def __init__(self) -> None:
        self._direction: torch.Tensor | None = None

    def look(self, function: Map, y: torch.Tensor, x: torch.Tensor) -> None:
        variable = x.detach().requires_grad_(True)
        with torch.enable_grad():
            predicted = function(variable)
        here = predicted.detach()

        def adjoint(residual: torch.Tensor) -> torch.Tensor:
            return pulled_through(predicted, variable, residual).detach()

        def forward(direction: torch.Tensor) -> torch.Tensor:
            # A difference quotient is enough here and many times as fast as the exact derivative.
            reach = TINY * x.numel() ** 0.5
            return (function(x + reach * direction) - here).detach() / reach

        self.residual = y - here
        self.gradient = -adjoint(self.residual)
        self.curvature = self._largest_eigenvalue(lambda unit: adjoint(forward(unit)), x)

    def _largest_eigenvalue(self, curvature: Linear, x: torch.Tensor) -> float:
        iterations = 1
        if self._direction is None:
            # Nearly flat, as the steepest directions of masks, blurs and means are.
            generator = torch.Generator().manual_seed(0)
            speckle = torch.randn(x.shape, generator=generator).to(x)
            self._direction, iterations = 1 + 0.1 * speckle, FIRST_ITERATIONS
        eigenvalue = 0.0
        for _ in range(iterations):
            moved = curvature(self._direction / self._direction.norm())
            eigenvalue = float(moved.norm())
            if eigenvalue < FLAT:  # nothing to see here; keep looking in the same direction
                return FLAT
            self._direction = moved
        return eigenvalue
