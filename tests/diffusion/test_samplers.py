"""The samplers with a prior whose every answer is known.

Values of a photo are independent N(MEAN, STD²), so what is right is a formula, and the guidance
turns the prior's answer E[x0 | x_t] into the exact E[x0 | x_t, y].
"""

import math
from functools import cache

import pytest
import torch

from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.diffusion.samplers import SAMPLERS, ddim, ddpm
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.tasks.inpainting import Masking
from tests.gaussian_prior import GaussianPrior

MEAN, STD = 0.1, 0.15
FULL = Schedule.linear()
SHAPE = (1, 3, 48, 48)
PIXELS = 3 * 48 * 48
MANY = 300  # steps of a guided run; from here to 1000 only the time differs


def prior_with(steps: int) -> GaussianPrior:
    return GaussianPrior(MEAN, STD, FULL if steps == 1000 else FULL.quadratic(steps))


def sample(sampler, steps: int, guidance=None, zeta: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x_t = torch.randn(SHAPE, generator=generator)
    for step in sampler(prior_with(steps), guidance, x_t, generator, zeta):
        x_t = step.x_t
    return x_t


def photo() -> torch.Tensor:
    return MEAN + STD * torch.randn(SHAPE, generator=torch.Generator().manual_seed(99))


@cache
def guided(sampler, name: str, steps: int, zeta: float, seed: int) -> torch.Tensor:
    return sample(sampler, steps, Guidance([measure(name, 0.1)[0]]), zeta, seed)


def ddim_moments(steps: int, zeta: float, mean: float, std: float) -> tuple[float, float]:
    """Mean and standard deviation of DDIM's result for values N(mean, std²), by recursion.

    Each step is x0 = mean + g·(x_t - sqrt(ᾱ)·mean), then x_{t-1} = sqrt(ᾱ')·x0 + sqrt(1-ᾱ')·(
    sqrt(1-zeta)·ε + sqrt(zeta)·z) with ε = (x_t - sqrt(ᾱ)·x0) / sqrt(1-ᾱ).
    """
    alpha_bars = prior_with(steps).schedule.alphas_cumprod.tolist()
    offset, variance = 0.0 - math.sqrt(alpha_bars[-1]) * mean, 1.0
    for i in reversed(range(steps)):
        a, b = math.sqrt(alpha_bars[i]), math.sqrt(1 - alpha_bars[i])
        gain = std**2 * a / (std**2 * a**2 + b**2)
        if i == 0:
            return mean + gain * offset, gain * math.sqrt(variance)
        a_next, b_next = math.sqrt(alpha_bars[i - 1]), math.sqrt(1 - alpha_bars[i - 1])
        factor = a_next * gain + b_next * math.sqrt(1 - zeta) * (1 - a * gain) / b
        offset, variance = factor * offset, factor**2 * variance + b_next**2 * zeta
    raise AssertionError


@pytest.mark.parametrize("steps", [1, 2, 50, 1000])
@pytest.mark.parametrize("zeta", [0.0, 0.3, 1.0])
def test_unguided_ddim_has_the_moments_of_its_recursion(steps: int, zeta: float) -> None:
    mean, std = ddim_moments(steps, zeta, MEAN, STD)
    result = sample(ddim, steps, zeta=zeta)
    assert float(result.mean()) == pytest.approx(mean, abs=4 * max(std, 1e-4) / math.sqrt(PIXELS))
    assert float(result.std()) == pytest.approx(std, rel=0.03)


def test_deterministic_ddim_reaches_the_prior_and_fresh_noise_shrinks_it() -> None:
    # Deterministic, the flow is followed; 50 steps lose a few per cent of the spread.
    assert float(sample(ddim, 1000, zeta=0.0).std()) == pytest.approx(STD, rel=0.03)
    assert float(sample(ddim, 50, zeta=0.0).std()) == pytest.approx(STD, rel=0.15)
    # All noise fresh: x_{t-1} is drawn around E[x0|x_t], which has lost the spread of x0 given x_t;
    # what is left tends to half of the variance.
    assert float(sample(ddim, 1000, zeta=1.0).std()) == pytest.approx(STD / math.sqrt(2), rel=0.1)


def test_unguided_ddpm_reaches_the_prior() -> None:
    result = sample(ddpm, 1000)
    assert float(result.mean()) == pytest.approx(MEAN, abs=0.005)
    # β̃ is the smaller of the two usual variances: exact for a point, a little short for a spread.
    assert float(result.std()) == pytest.approx(STD, rel=0.05)
    few = sample(ddpm, 50)
    assert float(few.mean()) == pytest.approx(MEAN, abs=0.005)
    assert 0.4 * STD < float(few.std()) < 1.02 * STD


def test_ddpm_zeta_scales_the_variance_of_the_noise() -> None:
    spreads = [float(sample(ddpm, 50, zeta=zeta).std()) for zeta in (0.0, 0.25, 1.0)]
    assert spreads == sorted(spreads) and spreads[0] < 0.5 * spreads[2]


# One entry per linear measurement: the degradation, how many values of x go into one of y.
KNOWN = (torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(5)) < 0.7).float()
MEASUREMENTS = {"identity": Degradation(), "mask": Masking(KNOWN), "block mean": BlockMean(4)}


def measure(name: str, sigma: float) -> tuple[Measurement, torch.Tensor, float]:
    """The measurement of photo(), its exact posterior mean and the posterior std of one value."""
    degradation = MEASUREMENTS[name]
    clean = degradation(photo())
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(98))
    y = clean + sigma * noise
    if name == "mask":
        y = KNOWN * y
        pull = STD**2 / (STD**2 + sigma**2) * KNOWN
        return Measurement(y, degradation, sigma), MEAN + pull * (y - MEAN), math.nan
    block = 4 if name == "block mean" else 1
    variance = STD**2 / block**2
    pull = variance / (variance + sigma**2)
    mean = MEAN + pull * torch.nn.functional.interpolate(y - MEAN, scale_factor=block)
    return Measurement(y, degradation, sigma), mean, math.sqrt(STD**2 - pull * variance)


def rms(x: torch.Tensor) -> float:
    return float(x.square().mean().sqrt())


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize("steps", [50, MANY])
def test_guided_ddim_reaches_the_posterior_mean(name: str, steps: int) -> None:
    """Samples average to the exact posterior mean, within their own spread."""
    _, mean, _ = measure(name, 0.1)
    runs = range(4 if steps == 50 else 1)
    results = torch.stack([guided(ddim, name, steps, 1.0, seed) for seed in runs])
    spread = STD / math.sqrt(2 * len(runs))  # all noise fresh: half the variance
    assert rms(results.mean(dim=0) - mean) < 1.15 * spread
    # No part of the error is common to all pixels, nor does it follow the picture.
    error = results.mean(dim=0) - mean
    assert abs(float(error.mean())) < 4 * spread / math.sqrt(PIXELS)
    slope = float((error * (mean - MEAN)).sum() / (mean - MEAN).square().sum())
    assert abs(slope) < 0.05


@pytest.mark.parametrize("name", ["identity", "block mean"])
@pytest.mark.parametrize("steps", [50, MANY])
def test_deterministic_guided_ddim_samples_the_posterior(name: str, steps: int) -> None:
    _, mean, std = measure(name, 0.1)
    result = guided(ddim, name, steps, 0.0, 0)
    tolerance = 0.15 if steps == 50 else 0.06  # few steps lose spread, as without guidance
    assert rms(result - mean) == pytest.approx(std, rel=tolerance)


def unexplained(measurement: Measurement, x: torch.Tensor) -> float:
    """RMS of y - D(x)."""
    return float((measurement.y - measurement.degradation(x)).square().mean().sqrt())


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("steps", [50, 1000])
def test_the_residual_is_the_noise_of_the_photo(sampler, steps: int) -> None:
    """A sample of the posterior leaves exactly σ_y of y unexplained; its mean leaves
    σ_y²/sqrt(STD² + σ_y²).  With too little spread a result lies between the two, never near 0."""
    sigma = 0.1
    measurement, _, _ = measure("identity", sigma)
    residual = unexplained(measurement, guided(sampler, "identity", steps, 1.0, 0))
    assert 0.95 * sigma**2 / math.hypot(STD, sigma) < residual < 1.05 * sigma


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("name", ["mask", "block mean"])
def test_few_and_many_steps_agree(sampler, name: str) -> None:
    """They find the same picture up to the spread of single samples."""
    _, mean, _ = measure(name, 0.1)
    few, many = (guided(sampler, name, steps, 1.0, 0) for steps in (50, MANY))
    slopes = [
        float(((result - MEAN) * (mean - MEAN)).sum() / (mean - MEAN).square().sum())
        for result in (few, many)
    ]
    assert slopes == pytest.approx([1, 1], abs=0.1)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_an_exact_measurement_is_met(sampler) -> None:
    measurement, _, _ = measure("block mean", 0.0)
    result = sample(sampler, 50, Guidance([measurement]))
    assert unexplained(measurement, result) < 0.5 / 127.5


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("name", [None, "block mean"])
def test_same_seed_same_bytes(sampler, name: str | None) -> None:
    guidance = Guidance([measure(name, 0.1)[0]]) if name else None
    first, again, other = (sample(sampler, 5, guidance, 0.5, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 17])
def test_every_step_is_yielded_and_the_last_is_the_answer(sampler, steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x_t = torch.randn(1, 3, 4, 4, generator=generator)
    found = list(sampler(prior_with(steps), None, x_t, generator))
    assert [step.index for step in found] == list(range(steps))
    assert {step.total for step in found} == {steps}
    # At t = 0 nothing of the old state is kept and no noise is added.
    assert torch.allclose(found[-1].x_t, found[-1].x0, atol=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_nothing_is_computed_before_it_is_asked_for(sampler) -> None:
    class Counting:
        schedule, calls = prior_with(10).schedule, 0

        def __call__(self, x_t, i):
            self.calls += 1
            return prior_with(10)(x_t, i)

        def x0_std(self, i):
            return prior_with(10).x0_std(i)

    prior = Counting()
    steps = sampler(prior, None, torch.zeros(1, 3, 4, 4), torch.Generator())
    assert prior.calls == 0
    next(steps), next(steps)
    assert prior.calls == 2
