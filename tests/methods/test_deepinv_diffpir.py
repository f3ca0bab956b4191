"""Our DiffPIR beside that of the library deepinv: a prior in closed form and the same noise."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import nn

from gdp_desktop.benchmarks.deepinv_samplers import measured, physics_of
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.task import Problem

from .closed_form import MEAN, PRIOR, SIZE, STD, VALUES, solver_for

STEPS, ZETA = 20, 0.3
SIGMA_N = 0.02  # of [0, 1]


class GaussianDenoiser(nn.Module):
    """The posterior mean of values that are N(MEAN, STD²) in [-1, 1], as deepinv calls it."""

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        noise = 4 * sigma**2
        x0 = MEAN + STD**2 / (STD**2 + noise) * (2 * x - 1 - MEAN)
        return (x0 + 1) / 2


def masking() -> Degradation:
    known = torch.rand(1, 1, *SIZE.shape, generator=torch.Generator().manual_seed(7)) > 0.25
    return Masking(known.float())


@pytest.mark.parametrize("degradation", [Degradation(), masking(), BlockMean(4)],
                         ids=["identity", "inpainting", "block means"])
def test_the_same_state_before_the_last_step(
    degradation: Degradation, deepinv: ModuleType
) -> None:
    """deepinv returns x_0 of its last step as it is, noise of σ = 0.01 and all, where we return the
    clean estimate; its λ counts twice; and it starts from Dᵀy, which the noise drowns."""
    truth = MEAN + STD * torch.randn(1, 3, *SIZE.shape, generator=torch.Generator().manual_seed(1))
    problem = Problem(degradation(truth), degradation, (2 * SIGMA_N,))
    solver = solver_for("diffpir", problem, STEPS, **{"lambda": 7.0, "zeta": ZETA})
    generator = torch.Generator().manual_seed(5)
    prior, x_t = PRIOR.respaced(solver.schedule), solver.start(generator)
    for i in reversed(range(1, STEPS)):
        _, x_t = solver.step(prior, x_t, i, generator)

    theirs = deepinv.sampling.DiffPIR(
        GaussianDenoiser(), deepinv.optim.data_fidelity.L2(), max_iter=STEPS, zeta=ZETA,
        lambda_=7.0 / 2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        found = 2 * theirs(measured(problem), physics_of(problem, deepinv)) - 1
    assert x_t.numel() == VALUES
    assert float((found - x_t).abs().max()) < 0.002 < 0.1 < float(x_t.std())
