"""A prior: what photos look like, as a denoiser that knows its own schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, Self
from weakref import WeakKeyDictionary

import torch
from torch import nn

from gdp_desktop.diffusion.at_once import each_at_once, without_gradients
from gdp_desktop.diffusion.layers import EpsNetwork
from gdp_desktop.diffusion.precision import (
    bfloat16_pays,
    half_precision,
    in_channels_last,
    with_weights_in,
)
from gdp_desktop.diffusion.recorded import evaluated, pays
from gdp_desktop.diffusion.row_wise import Waiting, Walk, whole_or_walked
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.unet import Modulated, UNet

# (σ, RMS error of x̃0) of the shipped prior on photos, rounded.  A stand-in for priors that bring
# no table of their own; it errs on the side of the photo where such a prior is the better one.
PHOTO_ERRORS = (
    (0.01, 0.0082), (0.04, 0.024), (0.16, 0.059), (0.62, 0.122), (2.4, 0.205), (9.6, 0.317),
    (38.0, 0.46), (150.0, 0.56),
)


@dataclass(frozen=True)
class Denoised:
    """One prediction of the reverse process at x_t; tensors are (N, 3, H, W).

    ``x0`` is the clean estimate in [-1, 1]; with it ``Schedule.q_posterior_mean`` gives the mean of
    p(x_{t-1} | x_t), whose ``log_variance`` has the same shape or, if it is fixed, (1, 1, 1, 1).
    """

    x0: torch.Tensor
    log_variance: torch.Tensor


class Prior(Protocol):
    """``(x_t, i) -> Denoised`` at step index i of ``schedule``; see ``Schedule.timesteps``.

    x_t is (N, 3, H, W); height and width are multiples of ``stride`` and at least ``stride``.
    ``window`` is the size it works best at, ``halo`` how many pixels from a window's inner edge
    it is unreliable because it cannot see across.
    """

    @property
    def schedule(self) -> Schedule: ...

    @property
    def stride(self) -> int: ...

    @property
    def window(self) -> int: ...

    @property
    def halo(self) -> int: ...

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised: ...

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        """Jᵀ·slope, J = ∂x̃0/∂x_t: a gradient with respect to x̃0 becomes one with respect to x_t.

        All three are (N, 3, H, W).  A network is evaluated anew, keeping all it computes until it
        has been walked through backwards: several times the memory of ``__call__``.
        """
        ...

    def x0_std(self, i: int) -> float:
        """How far the clean estimate at step i is from the truth (RMS, units of x_0)."""
        ...

    def respaced(self, schedule: Schedule) -> Prior:
        """The same prior on fewer timesteps."""
        ...


class NetworkPrior(Prior, Protocol):
    """A prior whose inside is a network with weights."""

    @property
    def network(self) -> nn.Module: ...

    @property
    def precision(self) -> torch.dtype:
        """What most of its arithmetic is done in."""
        ...

    def on(self, device: str) -> Self:
        """The same prior ready to run on "cpu" or "cuda", in the number format that is fast
        there.  The network itself moves: this prior is not to be used any more."""
        ...


# Of every network, by log σ, number format and device: a few kilobytes for each timestep met.
_modulations: WeakKeyDictionary[
    UNet, dict[tuple[float, torch.dtype | None, torch.device], Modulated]
] = WeakKeyDictionary()


@dataclass(frozen=True)
class UNetPrior:
    """The embedded prior: a v-prediction U-Net with the fixed small variance β̃_t.

    ``error_table`` holds (σ, RMS error of x̃0) pairs measured on training photos, ascending.
    """

    network: UNet
    error_table: tuple[tuple[float, float], ...] = ()
    schedule: Schedule = Schedule.linear()
    device: torch.device = torch.device("cpu")
    window: int = 512
    halo: int = 32
    autocast: torch.dtype | None = None
    # The network with its products' weights in that format: no evaluation has to convert them.
    converted: UNet | None = None

    @property
    def stride(self) -> int:
        return self.network.config.stride

    @torch.no_grad()
    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        return Denoised(self.walk(i, len(x_t))(x_t, True), self.log_variance(i, x_t))

    def log_variance(self, i: int, like: torch.Tensor) -> torch.Tensor:
        """Of p(x_{t-1} | x_t), (1, 1, 1, 1)."""
        return like.new_full((1, 1, 1, 1), float(self.schedule.posterior_log_variance_clipped[i]))

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        return pulled_back(lambda part: self._walk(i)(part, True), x_t, slope)

    @torch.no_grad()
    def walk(self, i: int, photos: int) -> Walk:
        """From x_t to x̃0, the rows of so many photos or parts of one a few at a time; as many rows
        at once as there are is what ``__call__`` does.

        On a CPU every one of them is evaluated for itself, as convolution kernels chosen by batch
        size round differently: so the batch size cannot be seen in the result.
        """
        if self.device.type != "cpu":
            return without_gradients(self._walk(i))
        walks = [self._walk(i) for _ in range(photos)]

        def further(x_t: torch.Tensor, is_last: bool) -> torch.Tensor:
            one = without_gradients(lambda part: part[0](part[1], is_last))
            return torch.cat(each_at_once(one, list(zip(walks, x_t.split(1), strict=True))))

        return further

    def _walk(self, i: int) -> Walk:
        begin = partial(self._quickest.walk, self._modulated(i))
        walk, waiting = whole_or_walked(partial(self._whole, i, begin), begin), Waiting()

        def further(x_t: torch.Tensor, is_last: bool) -> torch.Tensor:
            waiting.put(x_t)
            x_in = x_t.to(self.device).contiguous(memory_format=torch.channels_last)
            with self._precisely():
                v = walk(x_in, is_last)
            v = v.float().to(x_t.device).contiguous()
            return self.schedule.x0_from_v(waiting.take(v.shape[-2]), v, i).clamp(-1, 1)

        return further

    def _whole(self, i: int, begin: Callable[[], Walk], x_in: torch.Tensor) -> torch.Tensor:
        """v of all rows of x_t at once."""
        if not pays(x_in):
            return begin()(x_in, True)
        log_sigma = torch.full((1,), self._log_sigma(i), device=self.device)
        return evaluated(self._quickest, x_in, log_sigma)

    def _log_sigma(self, i: int) -> float:
        return float(self.schedule.sigmas[i].log().float())

    @property
    def _quickest(self) -> UNet:
        return self.converted if self.autocast and self.converted else self.network

    def _modulated(self, i: int) -> Modulated:
        """The network at step i, found once for all photos and all their parts."""
        network, log_sigma = self._quickest, self._log_sigma(i)
        known = _modulations.setdefault(network, {})
        key = (log_sigma, self.autocast, self.device)
        if key not in known:
            with self._precisely(), torch.no_grad():
                known[key] = network.modulated(torch.full((1,), log_sigma, device=self.device))
        return known[key]

    def _precisely(self) -> torch.autocast:
        """In the number format of this prior."""
        return torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None)

    def x0_std(self, i: int) -> float:
        sigma = self.schedule.sigma(i)
        if len(self.error_table) < 2:  # not measured: as if photos were N(0, 0.5²)
            return sigma / (1 + 4 * sigma**2) ** 0.5
        return interpolate_error(self.error_table, sigma)

    def respaced(self, schedule: Schedule) -> UNetPrior:
        return replace(self, schedule=schedule)

    @property
    def precision(self) -> torch.dtype:
        return self.autocast or torch.float32

    def on(self, device: str) -> UNetPrior:
        network = in_channels_last(self.network).to(device).requires_grad_(False)
        autocast = torch.bfloat16 if bfloat16_pays(device) else None
        return replace(
            self, network=network, device=torch.device(device), autocast=autocast,
            converted=with_weights_in(network, autocast) if autocast else None,
        )


Variance = Literal["small", "large", "learned"]


@dataclass(frozen=True)
class EpsPrior:
    """A public checkpoint as a prior: it predicts ε at a timestep, at the size it was trained at.

    ``variance`` of p(x_{t-1} | x_t): "small" is β̃_t, "large" β_t, "learned" lies between the two
    where the second half of the network's output says (Nichol & Dhariwal 2021, eq. 15).  What is
    smaller than ``window`` is mirrored up to it, because the network knows no other size.
    """

    network: EpsNetwork
    window: int
    variance: Variance = "small"
    error_table: tuple[tuple[float, float], ...] = PHOTO_ERRORS
    schedule: Schedule = Schedule.linear()
    device: torch.device = torch.device("cpu")

    @property
    def stride(self) -> int:
        return self.network.stride

    @property
    def halo(self) -> int:
        # Attention sees the whole window; only the rim lacks half of its neighbourhood.
        return self.window // 8

    @torch.no_grad()
    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        out = torch.cat(in_batches(lambda part: self._output(part, i), x_t, self.device))
        return Denoised(self._clean(x_t, out, i), self._log_variance(out[:, 3:], i))

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        return pulled_back(lambda part: self._clean(part, self._output(part, i), i), x_t, slope)

    def _clean(self, x_t: torch.Tensor, out: torch.Tensor, i: int) -> torch.Tensor:
        return self.schedule.x0_from_eps(x_t, out[:, :3], i).clamp(-1, 1)

    def _output(self, x_t: torch.Tensor, i: int) -> torch.Tensor:
        height, width = x_t.shape[-2:]
        rows, columns = (
            mirrored_indices(n, max(n, self.window), x_t.device) for n in (height, width)
        )
        x_in = x_t[..., rows[:, None], columns].to(self.device)
        timestep = int(self.schedule.timesteps[i])
        timesteps = torch.full((len(x_t),), timestep, device=self.device)
        x_in = x_in.contiguous(memory_format=torch.channels_last)
        out = evaluated(self.network, x_in, timesteps)
        return out[..., :height, :width].float().to(x_t.device).contiguous()

    def _log_variance(self, v: torch.Tensor, i: int) -> torch.Tensor:
        small = float(self.schedule.posterior_log_variance_clipped[i])
        large = float(self.schedule.betas[i].log())
        if self.variance == "learned":
            share = (v + 1) / 2
            return share * large + (1 - share) * small
        fixed = large if self.variance == "large" and i > 0 else small
        return v.new_full((1, 1, 1, 1), fixed)

    def x0_std(self, i: int) -> float:
        return interpolate_error(self.error_table, self.schedule.sigma(i))

    def respaced(self, schedule: Schedule) -> EpsPrior:
        return replace(self, schedule=schedule)

    @property
    def precision(self) -> torch.dtype:
        return self.network.dtype

    def on(self, device: str) -> EpsPrior:
        network = in_channels_last(self.network).to(device).requires_grad_(False)
        if dtype := half_precision(device):
            network.halve(dtype)
        return replace(self, network=network, device=torch.device(device))


def in_batches(
    evaluate: Callable[[torch.Tensor], torch.Tensor], x_t: torch.Tensor, device: torch.device
) -> list[torch.Tensor]:
    """The network's answers to x_t (N, 3, H, W): for all at once on a graphics card.

    On a CPU every window is evaluated for itself, as convolution kernels chosen by batch size
    round differently: so the batch size cannot be seen in the result.
    """
    if device.type != "cpu":
        return [evaluate(x_t)]
    return each_at_once(without_gradients(evaluate), x_t.split(1))


def pulled_back(
    clean: Callable[[torch.Tensor], torch.Tensor], x_t: torch.Tensor, slope: torch.Tensor
) -> torch.Tensor:
    """Jᵀ·slope for J = ∂clean/∂x_t, one photo of the batch after the other for memory's sake."""
    def back(part: torch.Tensor, part_slope: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            variable = part.detach().requires_grad_(True)
            x0 = clean(variable)
        # Small slopes would be lost in half precision; what is linear may be given larger ones.
        largest = part_slope.abs().amax().clamp(min=torch.finfo(part_slope.dtype).tiny)
        return torch.autograd.grad(x0, variable, part_slope / largest)[0] * largest

    pairs = zip(x_t.split(1), slope.split(1), strict=True)
    # One by one, each on all of the cores that the job has: its own thread computes on one.
    return torch.cat([each_at_once(lambda both: back(*both), [pair])[0] for pair in pairs])


def mirrored_indices(length: int, wanted: int, device: torch.device | None = None) -> torch.Tensor:
    """Indices 0 … length-1 and back again, as often as it takes to be ``wanted`` many."""
    position = torch.arange(wanted, device=device) % (2 * length)
    return torch.minimum(position, 2 * length - 1 - position)


def interpolate_error(table: tuple[tuple[float, float], ...], sigma: float) -> float:
    """Linear on log-log axes; beyond the ends the end value, and never more than σ itself."""
    sigmas = torch.tensor([s for s, _ in table], dtype=torch.float64).log()
    errors = torch.tensor([e for _, e in table], dtype=torch.float64).log()
    x = torch.tensor(sigma, dtype=torch.float64).log().clamp(sigmas[0], sigmas[-1])
    k = int(torch.searchsorted(sigmas, x).clamp(1, len(sigmas) - 1))
    weight = (x - sigmas[k - 1]) / (sigmas[k] - sigmas[k - 1])
    return min(float(torch.lerp(errors[k - 1], errors[k], weight).exp()), sigma)
