"""Linear systems that are too large to be written down: maps are functions."""

from __future__ import annotations

from collections.abc import Callable

import torch

Map = Callable[[torch.Tensor], torch.Tensor]
# A map with f(ax + bx') = af(x) + bf(x').
Linear = Map


def linearised(function: Map, x: torch.Tensor) -> tuple[torch.Tensor, Linear, Linear]:
    """f(x), and the Jacobian J of f at x and its adjoint Jᵀ as functions; all without gradients.

    Plain reverse mode, twice for J: Jᵀw is linear in w, and its derivative towards w is J.  The
    transforms of torch.func give the same and take seconds to load.
    """
    with torch.enable_grad():
        variable = x.detach().clone().requires_grad_(True)
        predicted = function(variable)
        weight = torch.zeros_like(predicted, requires_grad=True)
        pulled_back = pulled_through(predicted, variable, weight, create_graph=True)

    def forward(direction: torch.Tensor) -> torch.Tensor:
        return pulled_through(pulled_back, weight, direction).detach()

    def adjoint(residual: torch.Tensor) -> torch.Tensor:
        return pulled_through(predicted, variable, residual).detach()

    return predicted.detach(), forward, adjoint


def pointwise_slope(function: Map, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """f(x) and f'(x) of an f whose every value depends on the same value of x alone."""
    with torch.enable_grad():
        variable = x.detach().requires_grad_(True)
        predicted = function(variable)
        slope = torch.autograd.grad(predicted.sum(), variable)[0]
    return predicted.detach(), slope


def pulled_through(
    of: torch.Tensor, to: torch.Tensor, weight: torch.Tensor, create_graph: bool = False
) -> torch.Tensor:
    """Jᵀ·weight, where ``of`` was computed from ``to`` and J is its Jacobian; the graph stays."""
    # Handed the weight itself, autograd imports sympy, which takes two seconds.
    with torch.enable_grad():
        total = (of * weight).sum()
        return torch.autograd.grad(total, to, retain_graph=True, create_graph=create_graph)[0]


def jacobi(diagonal: torch.Tensor) -> Linear:
    """The inverse of a map that is nearly diagonal."""
    return lambda gradient: gradient / diagonal


def conjugate_gradients(
    curvature: Linear, pull: torch.Tensor, precondition: Linear, steps: int
) -> torch.Tensor:
    """An approximate solution d of curvature(d) = pull, starting from 0.

    ``precondition`` approximates the inverse of the curvature; where it is exact one step is
    enough.  Stops early when the remaining gradient is negligible.
    """
    solution, gradient = torch.zeros_like(pull), pull
    scaled = precondition(gradient)
    direction = scaled
    energy = first = _dot(gradient, scaled)
    for _ in range(steps):
        if energy <= 1e-8 * first or energy == 0:
            break
        bent = curvature(direction)
        step = energy / _dot(direction, bent)
        solution = solution + step * direction
        gradient = gradient - step * bent
        scaled = precondition(gradient)
        previous, energy = energy, _dot(gradient, scaled)
        direction = scaled + energy / previous * direction
    return solution


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a * b).sum(dtype=torch.float64))
