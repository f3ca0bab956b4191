"""DiffPIR and DPS of the library deepinv, with our network as its denoiser and our D as its
operator.  Photos are in [0, 1] there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import nn

from gdp_desktop.benchmarks.plan import LeftOut
from gdp_desktop.diffusion.degradation import SMALLEST_SIGMA
from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.tasks.task import Problem
from gdp_desktop.training.validation import denoise_once

# The library's own.
DIFFPIR_STEPS, DPS_STEPS = 100, 1000
OPERATORS_OF_TORCHVISION = "torchvision._meta_registrations"

StepBegins = Callable[[], None]


def library() -> ModuleType:
    """deepinv itself.  Raises LeftOut if it cannot be had."""
    try:
        try:
            return importlib.import_module("deepinv")
        except RuntimeError:
            # Beside a torch for processors only, torchvision from a package registry cannot load
            # its compiled operators; it then fails to describe them.  deepinv needs none of them.
            sys.modules[OPERATORS_OF_TORCHVISION] = ModuleType(OPERATORS_OF_TORCHVISION)
            return importlib.import_module("deepinv")
    except ImportError as error:
        raise LeftOut(
            "deepinv's DiffPIR and DPS are left out, as the package deepinv is not installed; get "
            'it by pip install "gdp-desktop[bench]".'
        ) from error


class NetworkDenoiser(nn.Module):
    """The network as the library calls a denoiser: (x + σ·noise, σ) -> x, both (N, 3, H, W) and
    around [0, 1]; differentiable.  Height and width are multiples of the network's stride.

    The photo is one window, as the library has no others: the network is convolutional.
    """

    def __init__(self, prior: UNetPrior, step_begins: StepBegins) -> None:
        super().__init__()
        self.prior, self.step_begins = prior, step_begins
        self.evaluations = 0

    def forward(self, x: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
        self.step_begins()
        self.evaluations += 1
        prior, noisy = self.prior, (2 * x.float() - 1).to(self.prior.device)
        with torch.autocast(prior.device.type, prior.autocast, enabled=prior.autocast is not None):
            x0 = denoise_once(prior.network, noisy, 2 * float(sigma))
        return (x0.to(x.device) + 1) / 2


def denoiser_of(prior: Prior, step_begins: StepBegins) -> NetworkDenoiser:
    """Raises LeftOut for priors whose network needs windows of its own size."""
    if not isinstance(prior, UNetPrior):
        raise LeftOut(
            "deepinv's DiffPIR and DPS are left out, as they have no windows and this prior's "
            "network knows a single size."
        )
    return NetworkDenoiser(prior, step_begins)


def measured(problem: Problem) -> torch.Tensor:
    """y of photos in [0, 1]: D(u) for u = (x + 1)/2, as D is linear."""
    with torch.no_grad():
        return (problem.y + problem.degradation(torch.ones_like(_blank(problem)))) / 2


def physics_of(problem: Problem, deepinv: ModuleType) -> nn.Module:
    """D as the library's operator, its noise that of y, its proximal step ours (in closed form
    where there is one)."""
    degradation, blank = problem.degradation, _blank(problem)
    sigma = max(problem.sigma_y[0], SMALLEST_SIGMA) / 2
    physics = deepinv.physics.LinearPhysics(
        A=lambda u, **_: degradation(u),
        A_adjoint=lambda y, **_: degradation.adjoint(y, blank),
        noise_model=deepinv.physics.GaussianNoise(sigma),
    )
    # γ/2·‖Au - y‖² + ½·‖u - z‖², so ρ = 1/γ.
    physics.prox_l2 = lambda z, y, gamma, **_: degradation.prox(z, y, 1 / float(gamma))
    return physics


def _blank(problem: Problem) -> torch.Tensor:
    """(1, 3, H, W) of x's size."""
    return torch.zeros_like(problem.degradation.initial(problem.y))


def diffpir(problem: Problem, denoiser: nn.Module, seed: int, deepinv: ModuleType) -> torch.Tensor:
    """x0 (1, 3, H, W) in [-1, 1]; the library's default λ, ζ and number of steps."""
    model = deepinv.sampling.DiffPIR(
        denoiser, deepinv.optim.data_fidelity.L2(), max_iter=DIFFPIR_STEPS
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return 2 * model(measured(problem), physics_of(problem, deepinv)) - 1


def dps(problem: Problem, denoiser: nn.Module, seed: int, deepinv: ModuleType) -> torch.Tensor:
    """x0 (1, 3, H, W) in [-1, 1]; the library's default number of steps.

    Guided by the likelihood of its ``"annealed"`` kind, whose natural weight is 1.  Of the default
    kind that weight is far too little: 19 dB instead of 34 on a training photo with missing pixels.
    """
    model = deepinv.sampling.DPS(
        denoiser, guidance="annealed", num_steps=DPS_STEPS,
        rng=torch.Generator().manual_seed(seed),
    )
    shape = tuple(_blank(problem).shape)
    result = model(measured(problem), physics_of(problem, deepinv), x_init=shape)
    return 2 * result.detach().float() - 1


@dataclass(frozen=True)
class Sampler:
    """``run(problem, denoiser, seed, deepinv)`` gives x0; ``steps`` are evaluations of the network,
    and as often backwards through it if it ``differentiates``."""

    run: Callable[[Problem, nn.Module, int, ModuleType], torch.Tensor]
    steps: int
    differentiates: bool = False


SAMPLERS = {
    "deepinv-diffpir": Sampler(diffpir, DIFFPIR_STEPS),
    # A thousand points in time have 999 steps between them.
    "deepinv-dps": Sampler(dps, DPS_STEPS - 1, differentiates=True),
}
