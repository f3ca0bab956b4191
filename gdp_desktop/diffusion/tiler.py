"""Any size of photo through a prior that looks at windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch

from gdp_desktop.diffusion.prior import Denoised, Prior
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import ALIGNMENT
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

    def largest(self, size: Size) -> Size:
        """The size of the largest window over a photo of this size."""
        return Size(min(self.window, size.width), min(self.window, size.height))

    def weights(
        self, window: Rect, size: Size, device: torch.device | None = None
    ) -> torch.Tensor:
        """Blending weights (h, w) of a window, zero in its inner halo, before normalisation."""
        vertical = self.profile(window.y, window.height, size.height, device)
        horizontal = self.profile(window.x, window.width, size.width, device)
        return vertical[:, None] * horizontal[None, :]

    def profile(
        self, start: int, length: int, total: int, device: torch.device | None
    ) -> torch.Tensor:
        """Blending weights (length,) along a window's width or height; ``total`` is the photo's."""
        position = torch.arange(length, dtype=torch.float32, device=device) + 0.5
        profile = torch.ones_like(position)
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


class Strip(NamedTuple):
    """The prior's answer for whole rows of a photo: x0 (N, 3, rows, W), and the log-variance of the
    same shape or, fixed, (1, 1, 1, 1)."""

    top: int
    x0: torch.Tensor
    log_variance: torch.Tensor


class _Sums(NamedTuple):
    """Weighted answers (N, C, rows, W) from row ``top`` on, and the sum of the weights."""

    top: int
    answer: torch.Tensor
    coverage: torch.Tensor

    @property
    def bottom(self) -> int:
        return self.top + len(self.coverage)

    def plus(self, later: _Sums) -> _Sums:
        """With the windows further down; rows above ``top`` have no weight in them."""
        rows = later.bottom - self.top
        answer = later.answer.new_zeros(*later.answer.shape[:2], rows, later.answer.shape[-1])
        coverage = later.coverage.new_zeros(rows, later.coverage.shape[-1])
        for part in (self, later):
            first = max(self.top, part.top)
            there = slice(first - self.top, part.bottom - self.top)
            answer[..., there, :] += part.answer[..., first - part.top :, :]
            coverage[there] += part.coverage[first - part.top :]
        return _Sums(self.top, answer, coverage)

    def cut(self, row: int) -> tuple[_Sums, _Sums]:
        """The rows before ``row``, and those from it on."""
        count = row - self.top
        return (
            _Sums(self.top, self.answer[..., :count, :], self.coverage[:count]),
            _Sums(row, self.answer[..., count:, :], self.coverage[count:]),
        )


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
        strips = list(self.strips(x_t, i))
        x0 = torch.cat([strip.x0 for strip in strips], dim=-2)
        log_variance = strips[0].log_variance
        if log_variance.shape[-1] > 1:
            log_variance = torch.cat([strip.log_variance for strip in strips], dim=-2)
        return Denoised(x0, log_variance)

    def strips(self, x_t: torch.Tensor, i: int) -> Iterator[Strip]:
        """The answer from top to bottom, as soon as the windows over each strip of rows are done.

        The rows of x_t that a strip covers may be overwritten once it is there: what the windows
        further down need of them has been copied.
        """
        size = Size(x_t.shape[-1], x_t.shape[-2])
        tops = self.tiler.starts(size.height)
        tall = min(self.tiler.window, size.height)
        band = x_t[..., :tall, :].clone() if len(tops) > 1 else x_t
        begun: _Sums | None = None
        for number, top in enumerate(tops):
            sums, fixed = self._band(band, i, top, size)
            begun = sums if begun is None else begun.plus(sums)
            end = size.height
            if number + 1 < len(tops):
                following = tops[number + 1]
                end = (following + self.tiler.halo) // ALIGNMENT * ALIGNMENT
                fresh = x_t[..., top + tall : following + tall, :]
                band = torch.cat([band[..., following - top :, :], fresh], dim=-2)
            if end > begun.top:
                ready, begun = begun.cut(end)
                answer = ready.answer / ready.coverage
                log_variance = answer[:, 3:] if fixed is None else fixed
                yield Strip(ready.top, answer[:, :3], log_variance)

    def _band(
        self, band: torch.Tensor, i: int, top: int, size: Size
    ) -> tuple[_Sums, torch.Tensor | None]:
        """All windows of one row of windows: weighted sums, and the log-variance if it is fixed."""
        windows = [window for window in self.tiler.windows(size) if window.y == top]
        answer, coverage = None, band.new_zeros(band.shape[-2:])
        fixed = None
        for window, part in self._evaluate(band, i, windows):
            weights = self.tiler.weights(window, size, band.device)
            fixed = part.log_variance if part.log_variance.shape[-1] == 1 else None
            found = part.x0 if fixed is not None else torch.cat([part.x0, part.log_variance], 1)
            if answer is None:
                answer = band.new_zeros(len(band), found.shape[1], *band.shape[-2:])
            columns = slice(window.x, window.right)
            coverage[:, columns] += weights
            answer[..., columns] += weights * found
        if answer is None:
            raise ValueError("A photo without pixels has no windows.")
        return _Sums(top, answer, coverage), fixed

    def _evaluate(
        self, band: torch.Tensor, i: int, windows: list[Rect]
    ) -> Iterator[tuple[Rect, Denoised]]:
        photos = len(band)
        for first in range(0, len(windows), self.batch):
            chunk = windows[first : first + self.batch]
            stacked = torch.cat([band[..., window.x : window.right] for window in chunk])
            denoised = self.prior(stacked, i)
            for k, window in enumerate(chunk):
                rows = slice(k * photos, (k + 1) * photos)
                learned = denoised.log_variance.shape[0] > 1
                yield window, Denoised(
                    denoised.x0[rows],
                    denoised.log_variance[rows] if learned else denoised.log_variance,
                )
                self.window_done()

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        """Through the fused answer, one window's network at a time in memory; windows count."""
        size = Size(x_t.shape[-1], x_t.shape[-2])
        windows = self.tiler.windows(size)
        coverage = x_t.new_zeros(size.height, size.width)
        for window in windows:
            coverage[window.slices] += self.tiler.weights(window, size, x_t.device)
        gradient = torch.zeros_like(x_t)
        for window in windows:
            there = (..., *window.slices)
            share = self.tiler.weights(window, size, x_t.device) / coverage[window.slices]
            gradient[there] += self.prior.pull_back(x_t[there], i, share * slope[there])
            self.window_done()
        return gradient

    def x0_std(self, i: int) -> float:
        return self.prior.x0_std(i)

    def respaced(self, schedule: Schedule) -> TiledPrior:
        return TiledPrior(self.prior.respaced(schedule), self.tiler, self.batch, self.window_done)
