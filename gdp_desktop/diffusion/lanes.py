"""Any size of photo through a prior that can be walked row by row: in a few lanes side by side,
each from the top of the photo to its bottom, so that every core has one and no row is seen twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gdp_desktop.diffusion.at_once import ahead_in_lanes
from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.diffusion.row_wise import Waiting, Walk
from gdp_desktop.diffusion.schedule import Schedule
from gdp_desktop.diffusion.strips import ALIGNMENT, Rows
from gdp_desktop.diffusion.tiler import Strip, TiledPrior, Tiler, WindowDone
from gdp_desktop.image.geometry import Rect, Size

# (n, k): a photo wider than n windows is cut into k lanes.
LANES = ((4, 4), (0.5, 2))
FEWEST_ROWS = 64
# Lanes that see so many times the photo's pixels take longer than one lane on all cores (measured
# on two: 0.82 of their time at 1.55 times, 1.1 at 1.4).
MOST_SEEN = 1.5
# Up to here half the halo will do: 0.02 of 255 RMS between lanes and whole, at most 0.6.  Above the
# other all of the receptive field is shared: a third would cost up to 6 of 255 at σ = 5, 15 at 38.
NEAR_SIGMA, FAR_SIGMA = 0.3, 1.0


@dataclass(frozen=True)
class Lanes(Tiler):
    """Lanes over a photo, at most ``most``, and how to blend them: windows over all of its
    height.

    The part of a lane that is seen at once has ``windows_worth`` windows' worth of pixels.  On a
    processor that is half of one: fewer would take longer each, more hold more memory.
    """

    most: int = 4
    windows_worth: float = 0.5

    def starts(self, length: int) -> list[int]:
        """Where lanes begin along a photo's width."""
        lane, hop = self.lane(length), self._hop(length, self.count(length))
        return [min(k * hop, length - lane) for k in range(self.count(length))]

    def lane(self, width: int) -> int:
        """How wide a lane is."""
        return self._lane(width, self.count(width))

    def count(self, width: int) -> int:
        return next((
            n for windows, n in LANES
            if n <= self.most and width > windows * self.window
            and n * self._lane(width, n) <= MOST_SEEN * width
        ), 1)

    def windows(self, size: Size) -> list[Rect]:
        lane = self.lane(size.width)
        return [
            Rect(left, rows.top, lane, rows.bottom - rows.top)
            for rows in self.rows(size) for left in self.starts(size.width)
        ]

    def rows(self, size: Size) -> list[Rows]:
        """The rows of a lane that are seen at once, from top to bottom."""
        parts = -(-size.height // self._most_rows(size.width))
        # Spread evenly, at places that fit the network.
        units = size.height / self.stride
        ends = [round(units * k / parts) * self.stride for k in range(parts + 1)]
        return [Rows(top, bottom) for top, bottom in zip(ends, ends[1:], strict=False)]

    def largest(self, size: Size) -> Size:
        return Size(self.lane(size.width), min(self._most_rows(size.width), size.height))

    def _most_rows(self, width: int) -> int:
        rows = int(self.windows_worth * self.window**2) // self.lane(width)
        return max(FEWEST_ROWS, rows // self.stride * self.stride)

    def _hop(self, width: int, count: int) -> int:
        shared = 2 * self.halo + self.ramp
        return -(-max(1, width - shared) // (count * self.stride)) * self.stride

    def _lane(self, width: int, count: int) -> int:
        if count == 1:
            return width
        shared = -(-(2 * self.halo + self.ramp) // self.stride) * self.stride
        return self._hop(width, count) + shared


class LanedPrior(TiledPrior):
    """A prior for photos of any size that walks down its lanes, ``batch`` of them at the same time.

    What it says of a pixel is, within a lane, what the network would say of the whole photo.
    """

    prior: UNetPrior
    tiler: Lanes

    def __init__(
        self, prior: UNetPrior, lanes: Lanes, batch: int = 1,
        window_done: WindowDone = lambda: None,
    ) -> None:
        super().__init__(prior, lanes, batch, window_done)

    def strips(self, x_t: torch.Tensor, i: int) -> Iterator[Strip]:
        size = Size(x_t.shape[-1], x_t.shape[-2])
        if any(side % self.stride for side in size):
            raise ValueError(f"{size.width}×{size.height} is no multiple of {self.stride}.")
        starts, shares = self.tiler.starts(size.width), self._shares(size.width, x_t.device)
        fixed = self.prior.log_variance(i, x_t)
        known, top = Waiting(), 0
        answers = self._answers(x_t, i, size)
        for rows in self.tiler.rows(size):
            parts: list[torch.Tensor] = []
            for _ in starts:
                parts.append(next(answers))
                self.window_done()
            known.put(self._blended(parts, starts, shares))
            is_last = rows.bottom == size.height
            end = size.height if is_last else (top + known.count) // ALIGNMENT * ALIGNMENT
            if end > top:
                yield Strip(top, known.take(end - top), fixed)
                top = end

    def _answers(self, x_t: torch.Tensor, i: int, size: Size) -> Iterator[torch.Tensor]:
        """What is known once every lane has been given further rows, (N, 3, h, lane), of one lane
        after the other."""
        lane = self.tiler.lane(size.width)
        walks = [(left, self.prior.walk(i, len(x_t))) for left in self.tiler.starts(size.width)]

        def further(of_lane: tuple[int, Walk], rows: Rows) -> torch.Tensor:
            left, walk = of_lane
            seen = x_t[..., rows.top : rows.bottom, left : left + lane]
            return walk(seen, rows.bottom == size.height)

        return ahead_in_lanes(further, walks, self.tiler.rows(size), self.batch)

    def _blended(
        self, parts: list[torch.Tensor], starts: list[int], shares: list[torch.Tensor]
    ) -> torch.Tensor:
        """Rows of every lane, (N, 3, h, lane) -> (N, 3, h, W)."""
        if len(parts) == 1:
            return parts[0]
        lane = parts[0].shape[-1]
        blend = parts[0].new_zeros(*parts[0].shape[:-1], starts[-1] + lane)
        for part, left, share in zip(parts, starts, shares, strict=True):
            blend[..., left : left + lane].addcmul_(part, share)
        return blend

    def _shares(self, width: int, device: torch.device) -> list[torch.Tensor]:
        """What every lane counts for at each of its columns, (lane,)."""
        lane, starts = self.tiler.lane(width), self.tiler.starts(width)
        weights = [self.tiler.profile(left, lane, width, device) for left in starts]
        total = torch.zeros(width, device=device)
        for left, weight in zip(starts, weights, strict=True):
            total[left : left + lane] += weight
        return [
            weight / total[left : left + lane]
            for left, weight in zip(starts, weights, strict=True)
        ]

    def pull_back(self, x_t: torch.Tensor, i: int, slope: torch.Tensor) -> torch.Tensor:
        windows = TiledPrior(self.prior, windows_of(self.prior), window_done=self.window_done)
        return windows.pull_back(x_t, i, slope)

    def respaced(self, schedule: Schedule) -> LanedPrior:
        return LanedPrior(self.prior.respaced(schedule), self.tiler, self.batch, self.window_done)


def tiling_of(prior: Prior, sigma: float = math.inf, batch: int = 1) -> Tiler:
    """Lanes for a prior that can be walked row by row, windows for any other.

    ``sigma`` is the noise level of x_t at most: the less noise there is, the nearer is all that
    a convolutional network looks at.  A graphics card, which has no cores to share out and takes
    the longer the more often it is called, sees all lanes as one and ``batch`` windows' worth of
    it at once.
    """
    if not isinstance(prior, UNetPrior):
        return windows_of(prior)
    halo = prior.halo
    if sigma <= NEAR_SIGMA:
        halo = halo // 2 // prior.stride * prior.stride
    elif sigma > FAR_SIGMA:
        halo = max(halo, prior.network.config.receptive_radius)
    if prior.device.type == "cpu":
        return Lanes(prior.window, halo, stride=prior.stride)
    return Lanes(prior.window, halo, stride=prior.stride, most=1, windows_worth=batch)


def windows_of(prior: Prior) -> Tiler:
    """Windows that see across their edges, for what has to be done window by window."""
    return Tiler(prior.window, prior.halo, stride=prior.stride)


def for_any_size(
    prior: Prior, tiler: Tiler, batch: int = 1, window_done: WindowDone = lambda: None
) -> TiledPrior:
    """The prior for photos of any size, lane by lane or window by window."""
    if isinstance(tiler, Lanes) and isinstance(prior, UNetPrior):
        return LanedPrior(prior, tiler, batch, window_done)
    return TiledPrior(prior, tiler, batch, window_done)
