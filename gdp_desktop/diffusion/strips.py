"""A photo in strips of whole rows, from top to bottom, so that its size does not decide how much
memory the work on it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from gdp_desktop.diffusion.handing_over import handed_over

# Strips begin at multiples of this many rows: block means and the blocks that noise is read from
# are not cut.
ALIGNMENT = 16
ROWS_AT_ONCE = 256
THIN_ROWS = 64
# How many rows beyond a strip a ``local`` degradation may read.
MARGIN = 16
# The same for a start whose values follow from one value of the photo each: enlarging to twice the
# size looks at four, and is done twice, one after the other.
START_MARGIN = 8
NOISE_ROWS = 64


class Rows(NamedTuple):
    """The rows top ≤ row < bottom."""

    top: int
    bottom: int

    def of(self, image: torch.Tensor, height: int) -> torch.Tensor:
        """The part (…, rows, W) of an image whose ``height`` stands for the photo's; an image may
        be whole times smaller than the photo, or a single row that holds everywhere."""
        if image.shape[-2] == 1 < height:
            return image
        factor = height // image.shape[-2]
        return image[..., self.top // factor : self.bottom // factor, :]

    def padded(self, margin: int, height: int) -> Rows:
        return Rows(max(0, self.top - margin), min(height, self.bottom + margin))

    def inside(self, outer: Rows) -> slice:
        """Where these rows are in an image of the ``outer`` ones."""
        return slice(self.top - outer.top, self.bottom - outer.top)


def in_strips(height: int, rows: int = ROWS_AT_ONCE) -> Iterator[Rows]:
    for top in range(0, height, rows):
        yield Rows(top, min(height, top + rows))


def in_padded_strips(
    height: int, margin: int = MARGIN, rows: int = ROWS_AT_ONCE
) -> Iterator[tuple[Rows, Rows]]:
    """Strips, and each with the margin around it that whatever is local may look at."""
    for inner in in_strips(height, rows):
        yield inner, inner.padded(margin, height)


def cut_for_start(pointwise: bool, device_type: str) -> tuple[int, int]:
    """Margin and rows of the strips that a trivial restoration is made in: thin ones on a
    processor, for its caches, where every value follows from one value of the photo."""
    thin = pointwise and device_type == "cpu"
    return (START_MARGIN, THIN_ROWS) if thin else (MARGIN, ROWS_AT_ONCE)


def in_thin_strips(
    top: int, strip: torch.Tensor
) -> Iterator[tuple[Rows, Rows, torch.Tensor]]:
    """A strip whose first row is ``top`` cut into thinner ones, for work that takes many times
    their memory; like ``with_margins``, without any.  A graphics card gets it whole: it takes the
    longer the more often it is called."""
    thin = THIN_ROWS if strip.device.type == "cpu" else strip.shape[-2]
    for rows in in_strips(strip.shape[-2], thin):
        there = Rows(top + rows.top, top + rows.bottom)
        yield there, there, strip[..., rows.top : rows.bottom, :]


def with_margins(
    strips: Iterable[tuple[int, torch.Tensor]], height: int, reach: int | None
) -> Iterator[tuple[Rows, Rows, torch.Tensor]]:
    """(top, rows) strips of a photo, regrouped so that each brings the rows around it along:
    (inner, outer, the outer rows).  ``reach`` rows on either side, None for all there are, and no
    fewer inner ones, but for the last: most of the work would be on margins.
    """
    held = Rows(0, 0)
    pieces: list[torch.Tensor] = []
    done = 0
    for top, piece in strips:
        pieces.append(piece)
        held = Rows(held.top, top + piece.shape[-2])
        is_last = held.bottom == height
        if reach is None and not is_last:
            continue
        end = height if is_last else (held.bottom - (reach or 0)) // ALIGNMENT * ALIGNMENT
        if not is_last and end - done < max(reach or 0, 1):
            continue
        rows = torch.cat(pieces, dim=-2) if len(pieces) > 1 else pieces[0]
        yield Rows(done, end), held, rows
        done = end
        kept = Rows(max(held.top, (end - (reach or 0)) // ALIGNMENT * ALIGNMENT), held.bottom)
        pieces = [rows[..., kept.inside(held), :]] if kept.bottom > kept.top else []
        held = kept


class NoiseField:
    """Standard normal noise of any height that every strip can look up: the same for the same seed
    and ``key``, however the photo is cut."""

    def __init__(self, seed: int, *key: int) -> None:
        self._key = (seed, *key)

    def rows(self, rows: Rows, like: torch.Tensor) -> torch.Tensor:
        """The noise of these rows, with the other sizes of ``like``; made on the CPU, so that every
        device gets the same."""
        first, last = rows.top // NOISE_ROWS, -(-rows.bottom // NOISE_ROWS)
        shape = (*like.shape[:-2], NOISE_ROWS, like.shape[-1])
        field = torch.cat([self._block(block, shape) for block in range(first, last)], dim=-2)
        start = rows.top - first * NOISE_ROWS
        return handed_over(field[..., start : start + rows.bottom - rows.top, :], like)

    def _block(self, number: int, shape: tuple[int, ...]) -> torch.Tensor:
        state = np.random.SeedSequence([*self._key, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        return torch.randn(shape, generator=generator)
