"""DDNM: what was measured is put in place, what was not is left to the prior."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch

from gdp_desktop.diffusion.degradation import SMALLEST_SINGULAR
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.diffusion.samplers import standard_normal
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.tiler import WindowDone
from gdp_desktop.image.geometry import Rect
from gdp_desktop.methods.method import Assignment, Estimate, Method
from gdp_desktop.methods.reverse_process import ReverseProcess
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.task import Problem


class DDNM(ReverseProcess):
    """Wang et al. 2023, algorithm 1: x̂0 = x̃0 + D⁺(y - D x̃0), and DDNM+ for a noisy y (algorithm 2).

    With noise, λ scales the correction so that the noise it brings, √ᾱ·λσ_y/s, is no more than
    x_{t-1} may hold, √(1-ᾱ); γ² is the rest, which the sampler adds.  One λ per singular value s
    where they are known, as in the paper's appendix; elsewhere one for s = 1.  The η of the sampler
    is the share of fresh noise in the rest, DDIM's σ_η is another.
    """

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self.eta = given.values["eta"]
        self.travel, self.repeats = int(given.values["travel"]), int(given.values["repeats"])
        self.spectrum = self.degradation.spectrum(given.size)

    @cached_property
    def schedule(self) -> Schedule:
        return self.given.prior.schedule.strided(self.given.steps)

    def windows_at(self, i: int) -> list[Rect]:
        return self.repeats * super().windows_at(i)

    def solve(self, generator: torch.Generator, window_done: WindowDone) -> Iterator[Estimate]:
        prior = self.tiled_prior(window_done)
        x_t = self.start(generator)
        x0 = x_t
        for stretch in self.stretches():
            for repeat in range(self.repeats):
                if repeat > 0:
                    x_t = self.back_in_time(x_t, stretch, generator)
                for i in stretch:
                    x0, x_t = self.step(prior, x_t, i, generator)
                    yield Estimate(x0)
        yield Estimate(x0, is_result=True)

    def stretches(self) -> list[range]:
        """The step indices, ``travel`` at a time, those of the noisy end first."""
        last = len(self.schedule) - 1
        return [
            range(first, max(first - self.travel, -1), -1)
            for first in range(last, -1, -self.travel)
        ]

    def back_in_time(
        self, x_t: torch.Tensor, stretch: range, generator: torch.Generator
    ) -> torch.Tensor:
        """The state before a stretch, drawn from the forward process after it: the time travel of
        DDNM+."""
        alpha_bar_before = float(self.schedule.alphas_cumprod[stretch[0]])
        kept = alpha_bar_before / float(self.schedule.alphas_cumprod_prev[stretch[-1]])
        return kept**0.5 * x_t + (1 - kept) ** 0.5 * standard_normal(x_t, generator)

    def step(
        self, prior: Prior, x_t: torch.Tensor, i: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x0 = prior(x_t, i).x0
        alpha_bar = float(self.schedule.alphas_cumprod_prev[i])
        sigma = ((1 - alpha_bar) / alpha_bar) ** 0.5
        x0_hat, left = self.corrected(x0, sigma)
        if i == 0:
            return x0_hat.clamp(-1, 1), x0_hat
        noise = (1 - self.eta**2) ** 0.5 * self.schedule.eps_from_x0(x_t, x0, i)
        noise = noise + self.eta * standard_normal(x_t, generator)
        return x0_hat.clamp(-1, 1), alpha_bar**0.5 * (x0_hat + self.scaled(noise, left))

    def corrected(
        self, x0: torch.Tensor, sigma: float
    ) -> tuple[torch.Tensor, torch.Tensor | float]:
        """x̂0, and γ/√ᾱ: the noise, in units of x_0, that the sampler may still add.

        The latter is in the coordinates of the spectrum if there is one.
        """
        correction = self.degradation.pseudo_inverse(self.y - self.degradation(x0))
        if self.spectrum is None:
            share = min(1.0, sigma / self.sigma_y) if self.sigma_y else 1.0
            left = max(0.0, sigma**2 - (share * self.sigma_y) ** 2) ** 0.5
            return x0 + share * correction, left
        correction = self.spectrum.vt(correction)
        singular = self.spectrum.singular.to(correction)
        safe = singular.clamp(min=SMALLEST_SINGULAR)
        brought = torch.where(singular >= SMALLEST_SINGULAR, self.sigma_y / safe, 0.0)
        shares = torch.where(brought > sigma, sigma / brought.clamp(min=1e-12), 1.0)
        spare = (sigma**2 - (shares * brought).square()).clamp(min=0).sqrt()
        return x0 + self.spectrum.v(shares * correction), spare

    def scaled(self, noise: torch.Tensor, left: torch.Tensor | float) -> torch.Tensor:
        if isinstance(left, float):
            return left * noise
        if self.spectrum is None:
            raise ValueError("a scale per coordinate needs a spectrum")
        return self.spectrum.v(left * self.spectrum.vt(noise))


def refusal(problem: Problem) -> str | None:
    if problem.degradation.linear:
        return None
    return (
        "DDNM cannot undo this kind of damage, which is not linear; choose the method Automatic "
        "or DiffPIR (diffpir)."
    )


HELP = """Denoising Diffusion Null-space Model (Wang et al. 2023): every step puts what the photo
says in place and leaves the rest to the prior. Strong where the photo has little noise."""

METHOD = Method(
    "ddnm", "DDNM", HELP, DDNM,
    default_steps=100, least_steps=2,
    params=(
        Param("eta", "Fresh noise", 0.85, 0, 1, 0.01, "",
              "η: the share of fresh noise in every step; published 0.85."),
        Param("travel", "Travel length", 1, 1, 50, 1, "steps",
              "How many steps are taken again together, for a more harmonious whole."),
        Param("repeats", "Repeats", 1, 1, 10, 1, "×",
              "How often each stretch of steps is taken; 1 is no travel back in time."),
    ),
    refusal=refusal,
    order=41,
)
