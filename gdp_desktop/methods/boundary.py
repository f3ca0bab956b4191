"""Deterministic sampling from the start noise that suits a task and a prior best."""

from __future__ import annotations

import torch

from gdp_desktop.methods.guided import START, Guided
from gdp_desktop.methods.method import Assignment, Method


class FromBoundary(Guided):
    """DDIM without fresh noise, so that the start alone decides the result (Ma et al. 2024).

    ``given.boundary`` is what the command ``boundary`` has found; without one, the start is drawn
    like any other.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.zeta = 0.0

    def start_noise(self, x0: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        boundary = self.given.boundary
        return super().start_noise(x0, generator) if boundary is None else boundary.noise(x0)


HELP = """Deterministic sampling from a start noise that was searched for once, for the task and the
prior, with the command boundary; the seed plays no part then. Without one it starts from the
seed."""

METHOD = Method(
    "boundary", "Best start noise", HELP, FromBoundary,
    default_steps=20, params=(START,), expert=True, uses_boundary=True, order=54,
)
