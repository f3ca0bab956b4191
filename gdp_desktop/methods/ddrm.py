"""DDRM: the reverse process in the coordinates in which the degradation only scales."""

from __future__ import annotations

from functools import cached_property

import torch

from gdp_desktop.diffusion.degradation import SMALLEST_SINGULAR
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.spectrum import Spectrum
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.task import Problem


class DDRM(ReverseProcess):
    """Kawar et al. 2022, section 3: the start p_θ(x_T | y) and a step p_θ(x_t | x_{t+1}, y).

    Coordinates are those of D = U S Vᵀ, and of x_t/√ᾱ_t: noise of σ_t is in x̄_t = Vᵀx_t/√ᾱ_t, and
    ȳ = S⁺Uᵀy is off by σ_y/s.  The network's ε is taken from the clamped x̃0, as the published
    equation has it; at sσ_t = σ_y the third case holds (the authors' program has the first).
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        found = self.degradation.spectrum(given.size)
        if found is None:
            raise ValueError("DDRM needs a singular value decomposition")
        self.spectrum: Spectrum = found
        self.eta, self.eta_b = given.values["eta"], given.values["eta_b"]
        measured = self.spectrum.ut(self.y)
        self.singular = self.spectrum.singular.to(measured)
        self.seen = self.singular >= SMALLEST_SINGULAR
        safe = self.singular.clamp(min=SMALLEST_SINGULAR)
        self.y_bar = torch.where(self.seen, measured / safe, 0.0)
        # How far ȳ is off; where nothing was measured, infinitely.
        self.sigma_bar = torch.where(self.seen, self.sigma_y / safe, torch.inf)

    @cached_property
    def schedule(self) -> Schedule:
        return self.given.prior.schedule.strided(self.given.steps)

    def start(self, generator: torch.Generator) -> torch.Tensor:
        sigma = self.schedule.sigma(-1)
        z = self.spectrum.vt(super().start(generator))
        known = self.sigma_bar <= sigma
        added = (sigma**2 - self.sigma_bar.square()).clamp(min=0).sqrt()
        x_bar = torch.where(known, self.y_bar + added * z, sigma * z)
        return self.schedule.alpha(-1) * self.spectrum.v(x_bar)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x0 = prior(x_t, i).x0
        sigma = self.schedule.sigma(i - 1) if i > 0 else 0.0
        alpha = self.schedule.alpha(i - 1) if i > 0 else 1.0
        x_bar = self.spectrum.vt(x0)
        eps = self.spectrum.vt(self.schedule.eps_from_x0(x_t, x0, i))
        fresh = self.spectrum.vt(standard_normal(x_t, generator))

        kept = (1 - self.eta**2) ** 0.5 * sigma
        unseen = x_bar + kept * eps + self.eta * sigma * fresh
        # (ȳ - x̄0)·s/σ_y; where y is exact the case does not occur.
        misfit = torch.where(
            self.sigma_bar > 0, (self.y_bar - x_bar) / self.sigma_bar.clamp(min=1e-12), 0.0
        )
        noisier = x_bar + kept * misfit + self.eta * sigma * fresh
        left = (sigma**2 - (self.eta_b * self.sigma_bar).square()).clamp(min=0).sqrt()
        clearer = (1 - self.eta_b) * x_bar + self.eta_b * self.y_bar + left * fresh
        chosen = torch.where(self.sigma_bar <= sigma, clearer, noisier)
        x_next = self.spectrum.v(torch.where(self.seen, chosen, unseen))
        # After the last step the photo is x_0 itself, not the network's x̃0: y has still to enter.
        return (x_next.clamp(-1, 1) if i == 0 else x0), alpha * x_next


def refusal(problem: Problem) -> str | None:
    height, width = problem.y.shape[-2:]
    if problem.degradation.spectrum(Size(width, height)) is not None:
        return None
    return (
        "DDRM cannot undo this kind of damage, whose singular values are not known; choose the "
        "method Automatic or DiffPIR (diffpir)."
    )


HELP = """Denoising Diffusion Restoration Models (Kawar et al. 2022): the noise of the photo is a
part of the noise of the reverse process, coordinate by coordinate. Few steps, for degradations
whose singular values are known."""

METHOD = Method(
    "ddrm", "DDRM", HELP, DDRM,
    default_steps=20, least_steps=2,
    params=(
        Param("eta", "Fresh noise", 0.85, 0, 1, 0.01, "",
              "η: the share of fresh noise where the photo says little; published 0.85."),
        Param("eta_b", "Trust in the photo", 1.0, 0, 1, 0.01, "",
              "η_b: how far a step goes to the photo where it is clearer than x_t; published 1."),
    ),
    refusal=refusal,
    order=40,
)
