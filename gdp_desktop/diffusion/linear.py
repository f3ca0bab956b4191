"""Linear systems that are too large to be written down: maps are functions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.func import jvp, vjp

Linear = Callable[[torch.Tensor], torch.Tensor]


def linearised(
    function: Linear, x: torch.Tensor
) -> tuple[torch.Tensor, Linear, Linear]:
    """f(x), and the Jacobian J of f at x and its adjoint Jᵀ as functions; all without gradients."""
    with torch.enable_grad():
        predicted, pull_back = vjp(function, x)[:2]

    def forward(direction: torch.Tensor) -> torch.Tensor:
        return jvp(function, (x,), (direction,))[1].detach()

    def adjoint(residual: torch.Tensor) -> torch.Tensor:
        return pull_back(residual)[0].detach()

    return predicted.detach(), forward, adjoint


def conjugate_gradients(
    curvature: Linear, pull: torch.Tensor, diagonal: torch.Tensor, steps: int
) -> torch.Tensor:
    """An approximate solution d of curvature(d) = pull, starting from 0.

    ``diagonal`` approximates the curvature value by value (Jacobi preconditioner); where it is
    exact one step is enough.  Stops early when the remaining gradient is negligible.
    """
    solution, gradient = torch.zeros_like(pull), pull
    scaled = gradient / diagonal
    direction = scaled
    energy = first = _dot(gradient, scaled)
    for _ in range(steps):
        if energy <= 1e-8 * first or energy == 0:
            break
        bent = curvature(direction)
        step = energy / _dot(direction, bent)
        solution = solution + step * direction
        gradient = gradient - step * bent
        scaled = gradient / diagonal
        previous, energy = energy, _dot(gradient, scaled)
        direction = scaled + energy / previous * direction
    return solution


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum(dtype=torch.float64))
