"""The methods for linear problems against a posterior that is known exactly, and by how much each
of them is known to miss it: values are independent N(m, s²), so every coordinate of D is too."""

from __future__ import annotations

import pytest
import torch

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernels import motion_kernel
from gdp_desktop.diffusion.degradation import BlockMean, Degradation
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.ddnm import DDNM
from gdp_desktop.methods.method import Assignment
from gdp_desktop.tasks.colorization import Grey
from gdp_desktop.tasks.inpainting import Masking
from gdp_desktop.tasks.task import Problem
from tests.gaussian_prior import GaussianPrior
from tests.methods.closed_form import flat, solver_for

SIDE, MEAN, STD, SEEN = 48, 0.1, 0.25, 0.35
PRIOR = GaussianPrior(MEAN, STD, window=SIDE)
METHODS = ("ddrm", "ddnm", "diffpir")


def solved(
    method_id: str, degradation: Degradation, y: torch.Tensor, sigma_y: float = 0.0,
    steps: int | None = None, **values: float,
) -> torch.Tensor:
    method = method_named(method_id)
    problem = Problem(y=y, degradation=degradation, sigma_y=(sigma_y,))
    assert method.refusal(problem) is None
    steps = steps or method.default_steps or 0
    given = Assignment(problem, PRIOR, Size(SIDE, SIDE), steps, values=method.values(values))
    generator = torch.Generator().manual_seed(1)
    return list(method.solver(given).solve(generator, lambda: None))[-1].x0


def half_known() -> torch.Tensor:
    known = torch.ones(1, 1, SIDE, SIDE)
    known[..., SIDE // 2 :] = 0
    return known


def constant(*shape: int) -> torch.Tensor:
    return torch.full(shape, SEEN)


def posterior(sigma_y: float, prior_std: float = STD) -> tuple[float, float]:
    """Mean and standard deviation of a coordinate after SEEN was measured."""
    precision = prior_std**-2 + sigma_y**-2
    return (MEAN * prior_std**-2 + SEEN * sigma_y**-2) / precision, precision**-0.5


def test_step_counts_are_the_published_ones() -> None:
    assert [method_named(m).default_steps for m in METHODS] == [20, 100, 100]


DEGRADATIONS = {
    "identity": (Degradation(), constant(1, 3, SIDE, SIDE)),
    "mask": (Masking(half_known()), half_known() * constant(1, 3, SIDE, SIDE)),
    "block mean": (BlockMean(4), constant(1, 3, SIDE // 4, SIDE // 4)),
    "grey": (Grey(), constant(1, 1, SIDE, SIDE)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_what_was_measured_without_noise_is_kept(method: str, name: str) -> None:
    """DDRM and DDNM to rounding and clamping to [-1, 1]; DiffPIR ends on the prior's own estimate
    and is off by what the last noise level, 0.01, leaves."""
    degradation, y = DEGRADATIONS[name]
    again = degradation(solved(method, degradation, y))
    assert float((again - y).square().mean().sqrt()) < (0.02 if method == "diffpir" else 5e-4)


def null_space_std(schedule: Schedule, fresh: float) -> float:
    """Of a value that was not measured, sampled with the share ``fresh`` of new noise variance:
    x_{t-1} is linear in x_t, so its variance follows from that of x_t."""
    variance = 1.0
    for i in reversed(range(len(schedule))):
        alpha_bar, after = (
            float(t[i]) for t in (schedule.alphas_cumprod, schedule.alphas_cumprod_prev)
        )
        gain = STD**2 * alpha_bar**0.5 / (STD**2 * alpha_bar + 1 - alpha_bar)
        kept = ((1 - after) * (1 - fresh) / (1 - alpha_bar)) ** 0.5
        slope = after**0.5 * gain + kept * (1 - alpha_bar**0.5 * gain)
        variance = slope**2 * variance + (1 - after) * fresh
    return variance**0.5


@pytest.mark.parametrize(("method", "steps", "values", "fresh"), [
    ("ddrm", 20, {}, 0.85**2), ("ddrm", 100, {"eta": 0.0}, 0.0),
    ("ddnm", 100, {}, 0.85**2), ("ddnm", 100, {"eta": 0.0}, 0.0), ("ddnm", 50, {"eta": 1.0}, 1.0),
])
def test_what_was_not_measured_is_drawn_from_the_prior_with_too_little_spread(
    method: str, steps: int, values: dict[str, float], fresh: float
) -> None:
    degradation, y = DEGRADATIONS["mask"]
    unknown = solved(method, degradation, y, steps=steps, **values)[..., SIDE // 2 :]
    assert float(unknown.mean()) == pytest.approx(MEAN, abs=0.015)
    expected = null_space_std(Schedule.linear().strided(steps), fresh)
    assert float(unknown.std()) == pytest.approx(expected, rel=0.05)
    # Fresh noise at every step forgets too much: far from the prior's spread with it, near without.
    assert (0.9 < expected / STD < 1) if fresh == 0 else (expected / STD < 0.85)


def test_more_steps_of_the_deterministic_process_come_closer() -> None:
    spreads = [null_space_std(Schedule.linear().strided(n), 0.0) for n in (20, 100, 500)]
    assert spreads == sorted(spreads) and spreads[-1] == pytest.approx(STD, rel=0.02)


@pytest.mark.parametrize(("zeta", "low", "high"), [(0.0, 0.9, 1.02), (0.3, 0.85, 1), (1, 0.5, 0.8)])
def test_diffpir_loses_spread_with_fresh_noise(zeta: float, low: float, high: float) -> None:
    degradation, y = DEGRADATIONS["mask"]
    unknown = solved("diffpir", degradation, y, zeta=zeta)[..., SIDE // 2 :]
    assert float(unknown.mean()) == pytest.approx(MEAN, abs=0.015)
    assert low < float(unknown.std()) / STD < high


# (method, values, σ_y, allowed error of the mean in posterior std, least and most spread / exact)
NOISY = [
    ("ddrm", {"steps": 100}, 0.05, 0.25, 0.8, 1.0),
    ("ddrm", {"steps": 100}, 0.2, 0.1, 0.45, 0.7),
    # Twenty steps are too few for the last ones to reach σ_y = 0.05: pulled to the prior's mean.
    ("ddrm", {}, 0.05, 1.5, 1.5, 2.5),
    # DDNM+ takes y's noise for a part of the process's own and adds none: one answer per y, and
    # one that the prior's mean has pulled too little.
    ("ddnm", {}, 0.05, 0.1, 0.0, 0.2),
    ("ddnm", {}, 0.2, 0.4, 0.0, 0.2),
    # DiffPIR's σ̄_t stands for the prior's error r_t, which is smaller; λ·σ_n² = 1.75·σ_y² happens
    # to balance it here.
    ("diffpir", {}, 0.05, 0.15, 0.9, 1.25),
    ("diffpir", {}, 0.2, 0.15, 0.85, 1.15),
    ("diffpir", {"lambda": 1.0, "zeta": 1.0}, 0.2, 0.5, 0.2, 0.5),
]


@pytest.mark.parametrize(("method", "values", "sigma_y", "off", "least", "most"), NOISY)
def test_noisy_posterior_and_how_each_method_misses_it(
    method: str, values: dict[str, float], sigma_y: float, off: float, least: float, most: float
) -> None:
    mean, std = posterior(sigma_y)
    degradation, y = DEGRADATIONS["identity"]
    x = solved(method, degradation, y, sigma_y, **values)
    assert abs(float(x.mean()) - mean) < off * std
    assert least <= float(x.std()) / std <= most


@pytest.mark.parametrize(("method", "limit"), [("ddrm", 1.5), ("ddnm", 1.2), ("diffpir", 1.5)])
@pytest.mark.parametrize("name", ["identity", "block mean"])
def test_error_on_photos_drawn_from_the_prior(method: str, limit: float, name: str) -> None:
    """The posterior mean errs by one posterior standard deviation, a posterior sample by √2."""
    degradation = DEGRADATIONS[name][0]
    generator = torch.Generator().manual_seed(3)
    truth = MEAN + STD * torch.randn(1, 3, SIDE, SIDE, generator=generator)
    clean = degradation(truth)
    y = clean + 0.05 * torch.randn(clean.shape, generator=generator)
    x = solved(method, degradation, y, 0.05, steps=100)
    _, std = posterior(0.05, STD / (1 if name == "identity" else 4))
    assert float((degradation(x) - clean).square().mean().sqrt()) < limit * std


@pytest.mark.parametrize("trust", [0.0, 0.6, 1.0])
def test_ddrm_goes_to_the_photo_as_far_as_it_trusts_it(trust: float) -> None:
    """By its equation for what is clearer in y than in x_t: of x̃0 the rest, and fresh noise."""
    sigma_y, i = 0.3, 120
    solver = solver_for("ddrm", flat(SEEN, sigma_y=(sigma_y,)), 1000, eta_b=trust)
    x_t = torch.full((1, 3, SIDE, SIDE), -0.2)
    generator = torch.Generator().manual_seed(0)
    after = solver.step(solver.given.prior, x_t, i, generator)[1]
    x0 = float(solver.given.prior(x_t, i).x0.mean())
    after = after / float(solver.schedule.alphas_cumprod[i - 1]) ** 0.5
    sigma = float(solver.schedule.sigmas[i - 1])
    assert float(after.mean()) == pytest.approx((1 - trust) * x0 + trust * SEEN, abs=0.02)
    assert float(after.std()) == pytest.approx((sigma**2 - (trust * sigma_y) ** 2) ** 0.5, rel=0.03)


def test_travelling_in_time_ends_at_the_noise_it_goes_back_to() -> None:
    solver = solver_for("ddnm", flat(SEEN), 20, travel=5, repeats=3)
    assert isinstance(solver, DDNM)
    stretch, generator = solver.stretches()[2], torch.Generator().manual_seed(0)
    after = float(solver.schedule.alphas_cumprod_prev[stretch[-1]])
    before = float(solver.schedule.alphas_cumprod[stretch[0]])
    x_t = after**0.5 * SEEN + (1 - after) ** 0.5 * torch.randn(1, 3, SIDE, SIDE,
                                                               generator=generator)
    back = solver.back_in_time(x_t, stretch, generator)
    spread = (1 - before) ** 0.5
    assert float(back.std()) == pytest.approx(spread, rel=0.03)
    assert float(back.mean()) == pytest.approx(before**0.5 * SEEN, abs=0.05 * spread)


def test_travelling_in_time_repeats_stretches_and_keeps_what_is_known() -> None:
    degradation, y = DEGRADATIONS["mask"]
    x = solved("ddnm", degradation, y, steps=20, travel=5, repeats=3)
    assert torch.allclose(degradation(x), y, atol=1e-5)
    assert float(x[..., SIDE // 2 :].mean()) == pytest.approx(MEAN, abs=0.02)


def test_a_blur_without_spectrum_is_refused_by_ddrm_alone() -> None:
    blur = Blur(motion_kernel(6.0, 30.0))
    truth = MEAN + STD * torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    y = blur(truth)
    problem = Problem(y=y, degradation=blur, sigma_y=(0.01,))
    refusal = method_named("ddrm").refusal(problem)
    assert refusal is not None and "singular value" in refusal and refusal.endswith(".")
    for method in ("ddnm", "diffpir"):
        again = blur(solved(method, blur, y, 0.01, steps=5))
        assert float((again - y).square().mean().sqrt()) < 0.2 * float((truth - y).std())
