"""BIR-D: GDP that learns the blur's kernel and sets its own guidance scale.

Tu et al. 2024, "Taming Generative Diffusion Prior for Universal Blind Image Restoration".  After
every step the kernel of an unknown blur, and if wished a mask M of light that was added, take a
gradient step towards turning x̃0 into y = k * x̃0 + M, and the guidance scale of the next step is

    s = |(x_{t-1} - μ)ᵀg + C + log K| / L,   L = 18·mean (D(x̃0) - y)²,

with g the shift that guidance gave to μ, and log K and C the log-densities of y under normal
distributions around x_t and μ.  As released, their spread is the *logarithm* of the variance, and
they are sums over the values of a photo of 256×256.
"""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F

from gdp_desktop.degradations.blind_blur import BlindBlur
from gdp_desktop.degradations.blur import mirrored
from gdp_desktop.degradations.kernels import on_the_simplex
from gdp_desktop.diffusion.gradients import DataTerm
from gdp_desktop.diffusion.ranges import unit
from gdp_desktop.methods.gdp import PUBLISHED_STEPS, SCALE, GenerativeDiffusionPrior
from gdp_desktop.methods.method import Assignment, Method
from gdp_desktop.tasks.param import Option
from gdp_desktop.tasks.published import SIDE, kappa

PUBLISHED_VALUES = 3 * SIDE**2
FIRST_SCALE = 3000.0  # released with the wrong sign, which its first step makes good
PUBLISHED_RATE = 0.01
# The mask M of y = k * x + M: as released, and smooth with this many values along a side.
PUBLISHED_MASK_RATE, PUBLISHED_MASK_START = 1.0, 1e-4
SMOOTH_MASK_RATE, SMOOTH_MASK_SIDE = 0.1, 8


class Veil:
    """M of y = k * x + M, on y's scale, which is twice that of [0, 1].  This one is none."""

    def __init__(self, y: torch.Tensor) -> None:
        """For a photo y (1, C, H, W)."""

    def laid_over(self, y: torch.Tensor) -> torch.Tensor:
        return y

    def taken_off(self, y: torch.Tensor) -> torch.Tensor:
        return y

    def learn(self, residual: torch.Tensor) -> None:
        """One step from y - D(x̃0)."""


class SmoothVeil(Veil):
    """A few values for each channel, (1, C, 8, 8), stretched over the photo."""

    def __init__(self, y: torch.Tensor) -> None:
        self.values = y.new_zeros(1, y.shape[1], SMOOTH_MASK_SIDE, SMOOTH_MASK_SIDE)

    def laid_over(self, y: torch.Tensor) -> torch.Tensor:
        return y + self.over(y)

    def taken_off(self, y: torch.Tensor) -> torch.Tensor:
        return y - self.over(y)

    def over(self, y: torch.Tensor) -> torch.Tensor:
        """M for every value of y."""
        return F.interpolate(self.values, size=y.shape[-2:], mode="bilinear")

    def learn(self, residual: torch.Tensor) -> None:
        left = F.adaptive_avg_pool2d(residual, SMOOTH_MASK_SIDE)
        self.values = self.values + SMOOTH_MASK_RATE * left


class PublishedVeil(SmoothVeil):
    """As released: any light at every value, (1, C, H, W), a very little at a time."""

    def __init__(self, y: torch.Tensor) -> None:
        uniform = torch.rand(y.shape, generator=torch.Generator().manual_seed(0))
        self.values = 2 * PUBLISHED_MASK_START * uniform.to(y)

    def over(self, y: torch.Tensor) -> torch.Tensor:
        return self.values

    def learn(self, residual: torch.Tensor) -> None:
        slope = -2 * residual / PUBLISHED_VALUES
        self.values = self.values - PUBLISHED_MASK_RATE * slope


VEILS: dict[str, type[Veil]] = {"none": Veil, "smooth": SmoothVeil, "paper": PublishedVeil}


class BlindRestoration(GenerativeDiffusionPrior):
    """GDP on x̃0 with an adaptive scale; a ``BlindBlur`` is learned here, any other φ by itself."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given, at_x0=True, with_sigma=False)
        self.adaptive_scale = FIRST_SCALE
        self.spread = self.y.new_ones(())
        # What y says about x, value by value.
        like_x = len(self.y) == 1 and self.y.shape[-2:] == given.size.shape
        self.target = self.y if like_x else self.degradation.initial(self.y)
        self.kernel_term = DataTerm()  # of the kernel, x̃0 being given
        # One for each channel, (3, h, w), where any pattern may be the kernel.
        self.kernels: torch.Tensor | None = None
        if isinstance(self.degradation, BlindBlur) and given.values["kernel"] == "paper":
            self.kernels = self.degradation.kernel.expand(self.y.shape[1], -1, -1).clone()
        self.veil = VEILS[given.values["mask"]](self.y)

    def degraded(self, x: torch.Tensor) -> torch.Tensor:
        blurred = super().degraded(x) if self.kernels is None else _blurred(x, self.kernels)
        return self.veil.laid_over(blurred)

    def kappa(self) -> float:
        return kappa(self.adaptive_scale, self.values_per_pixel)

    def look_back(
        self, x_t: torch.Tensor, shift: torch.Tensor, mean: torch.Tensor, noise: torch.Tensor,
        log_variance: torch.Tensor,
    ) -> None:
        share = PUBLISHED_VALUES / x_t.numel()
        previous, self.spread = self.spread, log_variance
        log_k = self._log_density(x_t, previous, share)
        c = self._log_density(mean, self.spread, share)
        forward = share * float((noise * shift).sum())
        misfit = 18 * float(self.data.residual.square().mean())
        self.adaptive_scale = abs(forward + c + log_k) / max(misfit, 1e-12)

    def _log_density(self, x: torch.Tensor, spread: torch.Tensor, share: float) -> float:
        distance = float(((self.target - x) / spread).square().sum())
        width = float(spread.square().mean()) * PUBLISHED_VALUES
        return -0.5 * share * distance - 0.5 * math.log(2 * math.pi * width)

    def learn(self, x: torch.Tensor) -> None:
        self._learn_degradation(x)
        self.veil.learn(self.data.residual)

    def _learn_degradation(self, x: torch.Tensor) -> None:
        if not isinstance(self.degradation, BlindBlur):
            super().learn(x)
        elif self.kernels is None:
            self._learn_on_the_simplex(self.degradation, x)
        else:
            self._learn_as_published(self.degradation, self.kernels, x)

    def _learn_on_the_simplex(self, blur: BlindBlur, x: torch.Tensor) -> None:
        """A projected gradient step, as long as is safe.  It is differences that have to agree:
        the values of a photo are so alike that they hardly tell one kernel from another."""
        term = self.kernel_term
        wanted = _differences(self.veil.taken_off(self.y))
        term.look(lambda kernel: _differences(_blurred(x, kernel)), wanted, blur.kernel)
        blur.replace(on_the_simplex(blur.kernel - term.gradient / term.curvature))

    def _learn_as_published(
        self, blur: BlindBlur, kernels: torch.Tensor, x: torch.Tensor
    ) -> None:
        """Plain gradient descent on the mean squared error in [0, 1]: nothing keeps the kernel
        positive or its sum at 1.  Every channel has a kernel of its own; told and saved is their
        mean."""
        term = self.kernel_term
        wanted = self.veil.taken_off(self.y)
        term.look(partial(_blurred, unit(x)), unit(wanted), kernels)
        kernels -= PUBLISHED_RATE * 2 * term.gradient / self.y.numel()
        blur.replace(kernels.mean(dim=0))


def _blurred(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """x (1, 3, H, W) convolved with a kernel (h, w), or one for each channel, (3, h, w);
    differentiable in both."""
    rows, columns = (n // 2 for n in kernel.shape[-2:])
    padded = mirrored(mirrored(x, columns, -1), rows, -2)
    turned = kernel.flip(-2, -1).expand(x.shape[1], -1, -1)[:, None]
    return F.conv2d(padded, turned, groups=x.shape[1])


def _differences(image: torch.Tensor) -> torch.Tensor:
    """Of all neighbours, as one row of values."""
    return torch.cat([image.diff(dim=-1).flatten(), image.diff(dim=-2).flatten()])


HELP = """GDP that also finds out how the photo was blurred, if the task says that this is unknown,
and chooses anew at every step how strongly to be drawn to the photo. Slow; the blur it found can be
saved beside the result."""

METHOD = Method(
    "bir-d", "Blind restoration (BIR-D)", HELP, BlindRestoration, default_steps=PUBLISHED_STEPS,
    params=(
        SCALE,
        Option("kernel", "Kernel", "simplex", (
            ("simplex", "Only possible ones"), ("paper", "As published"),
        ), "Which blurs are looked for: those that a lens or a movement can cause, or, as in the "
           "paper, any pattern at all, a very little at a time."),
        Option("mask", "Veil", "none", (
            ("none", "None"), ("smooth", "Smooth"), ("paper", "As published"),
        ), "Whether light was added to the photo, as by haze or a flare: a smooth veil, or, as in "
           "the paper, anything at every pixel, a very little at a time."),
    ),
    expert=True, order=55,
)
