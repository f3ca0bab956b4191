"""Any size of photo through a prior that looks at windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.prior import Denoised, Prior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.image.geometry import Rect, Size


@dataclass(frozen=True)
class Tiler:
    """Windows of one size over a photo, and how to blend them.

    Neighbouring windows share ``2·halo + ramp`` pixels: the halo at a window's inner edge is thrown
    away (the prior could not see across it), and over the ramp between the halos the weight goes
    from one window to the next along a raised cosine.  Sizes are multiples of ``stride``.
    """

    window: int
    halo: int = 0
    ramp: int = 16
    stride: int = 1

    def starts(self, length: int) -> list[int]:
        """Where windows begin along one side, each once, all inside the photo if it is as long as
        a window."""
        if length <= self.window:
            return [0]
        hop = (self.window - 2 * self.halo - self.ramp) // self.stride * self.stride
        if hop < 1:
            raise ValueError(
                f"Windows of {self.window} with a halo of {self.halo} leave nothing to keep."
            )
        count = -(-(length - self.window) // hop) + 1
        last = length - self.window
        # Spread evenly: no window nearly repeats another at the far end.
        return [round(last * k / (count - 1) / self.stride) * self.stride for k in range(count)]

    def windows(self, size: Size) -> list[Rect]:
        width, height = min(self.window, size.width), min(self.window, size.height)
        return [
            Rect(x, y, width, height)
            for y in self.starts(size.height)
            for x in self.starts(size.width)
        ]

    def weights(self, window: Rect, size: Size) -> torch.Tensor:
        """Blending weights (h, w) of a window, zero in its inner halo, before normalisation."""
        vertical = self._profile(window.y, window.height, size.height)
        horizontal = self._profile(window.x, window.width, size.width)
        return vertical[:, None] * horizontal[None, :]

    def _profile(self, start: int, length: int, total: int) -> torch.Tensor:
        position = torch.arange(length, dtype=torch.float32) + 0.5
        profile = torch.ones(length)
        if start > 0:
            profile = profile * self._rise(position)
        if start + length < total:
            profile = profile * self._rise(length - position)
        return profile

    def _rise(self, from_edge: torch.Tensor) -> torch.Tensor:
        if self.ramp == 0:
            return (from_edge > self.halo).float()
        share = ((from_edge - self.halo) / self.ramp).clamp(0, 1)
        return 0.5 - 0.5 * torch.cos(torch.pi * share)


WindowDone = Callable[[], None]


class TiledPrior:
    """A prior for photos of any size: the windows of a step are independent given x_t, so they
    run in batches, and the fused answer does not depend on the batch size.

    ``window_done`` is called after every window; it may raise to stop (that is how a job
    is cancelled within one network evaluation).
    """

    def __init__(
        self, prior: Prior, tiler: Tiler, batch: int = 1, window_done: WindowDone = lambda: None
    ) -> None:
        self.prior = prior
        self.tiler = tiler
        self.batch = batch
        self.window_done = window_done
        self.schedule: Schedule = prior.schedule
        self.stride, self.window, self.halo = prior.stride, prior.window, prior.halo

    def __call__(self, x_t: torch.Tensor, i: int) -> Denoised:
        size = Size(x_t.shape[-1], x_t.shape[-2])
        windows = self.tiler.windows(size)
        if len(windows) == 1:
            denoised = self.prior(x_t, i)
            self.window_done()
            return denoised

        x0, coverage = torch.zeros_like(x_t), x_t.new_zeros(size.height, size.width)
        log_variance: torch.Tensor | None = None
        for window, part in self._evaluate(x_t, i, windows):
            weights = self.tiler.weights(window, size).to(x_t)
            coverage[window.slices] += weights
            x0[(..., *window.slices)] += weights * part.x0
            if part.log_variance.shape[-1] > 1:
                if log_variance is None:
                    log_variance = torch.zeros_like(x_t)
                log_variance[(..., *window.slices)] += weights * part.log_variance
            else:
                log_variance = part.log_variance
        x0 /= coverage
        if log_variance is None:
            raise ValueError("A photo without pixels has no windows.")
        if log_variance.shape[-1] > 1:
            log_variance /= coverage
        # The posterior mean is linear in x0, so fusing x0 fuses the mean.
        return Denoised(x0, self.schedule.q_posterior_mean(x0, x_t, i), log_variance)

    def _evaluate(
        self, x_t: torch.Tensor, i: int, windows: list[Rect]
    ) -> Iterator[tuple[Rect, Denoised]]:
        photos = len(x_t)
        for first in range(0, len(windows), self.batch):
            chunk = windows[first : first + self.batch]
            stacked = torch.cat([x_t[(..., *window.slices)] for window in chunk])
            denoised = self.prior(stacked, i)
            for k, window in enumerate(chunk):
                rows = slice(k * photos, (k + 1) * photos)
                learned = denoised.log_variance.shape[0] > 1
                yield window, Denoised(
                    denoised.x0[rows],
                    denoised.mean[rows],
                    denoised.log_variance[rows] if learned else denoised.log_variance,
                )
                self.window_done()

    def x0_std(self, i: int) -> float:
        return self.prior.x0_std(i)

    def respaced(self, schedule: Schedule) -> TiledPrior:
        return TiledPrior(self.prior.respaced(schedule), self.tiler, self.batch, self.window_done)
