"""A network over a picture whose rows come a few at a time.

Every layer keeps the rows it will need beside those still to come, so nothing is computed twice,
no pixel sees less than all of the network's receptive field, and the memory it takes depends on the
width of a picture alone (Alwani et al. 2016 fuse layers in this way).  All rows at once is the
usual evaluation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.diffusion.silu import silu, silu_into

# (rows, is_last) -> rows: (N, C, h, W) in, from top to bottom, as many as there are; out come those
# that are known by then, possibly none.  After the last ones in, the last ones are out.
Walk = Callable[[torch.Tensor, bool], torch.Tensor]
# Fewer than 32 rows of a matrix were seen to be shared out.
FEWEST_PIXELS = 64


class Waiting:
    """Rows (N, C, h, W) in the order they came, until they are taken."""

    def __init__(self) -> None:
        self._pieces: deque[torch.Tensor] = deque()

    @property
    def count(self) -> int:
        return sum(piece.shape[-2] for piece in self._pieces)

    def put(self, rows: torch.Tensor) -> None:
        self._pieces.append(rows)

    def take(self, count: int) -> torch.Tensor:
        """The first ``count`` rows, which must be there."""
        taken: list[torch.Tensor] = []
        while count > 0 or not taken:
            piece = self._pieces.popleft()
            here = min(count, piece.shape[-2])
            count -= here
            if here == piece.shape[-2]:
                taken.append(piece)
            else:
                taken.append(piece[..., :here, :])
                # The rows left do not hold the memory of those gone.
                self._pieces.appendleft(piece[..., here:, :].clone() if here else piece)
        return taken[0] if len(taken) == 1 else torch.cat(taken, dim=-2)

    def added_to(self, rows: torch.Tensor) -> torch.Tensor:
        """``rows`` plus the first as many, which must be there, in place: what waited in pieces is
        not joined first."""
        top, bottom = 0, rows.shape[-2]
        while top < bottom:
            piece = self.take(min(bottom - top, self._pieces[0].shape[-2]))
            end = top + piece.shape[-2]
            # The way back through a part is long, even where the part is all of it.
            part = rows if end - top == bottom else rows[..., top:end, :]
            part.add_(piece)
            top = end
        return rows


class Convolved:
    """A 3×3 convolution with a border of zeros, of the rows or, ``activated``, of their SiLU: a row
    is known once the one below it is in."""

    def __init__(self, conv: nn.Conv2d, *, activated: bool = False) -> None:
        self._conv, self._activated = conv, activated
        self._above: torch.Tensor | None = None

    def __call__(self, rows: torch.Tensor, is_last: bool) -> torch.Tensor:
        conv, height = self._conv, rows.shape[-2]
        if self._above is None and is_last:
            if self._activated:
                rows = silu(rows, learning=conv.weight.requires_grad)
            return _convolved(rows, height, conv, padding=1)
        known = self._joined(rows, is_last)
        self._above = known[..., -2:, :].clone()
        if known.shape[-2] < 3:
            return none_of(rows, conv.out_channels)
        return _convolved(known, known.shape[-2] - 2, conv, padding=(0, 1))

    def _joined(self, rows: torch.Tensor, is_last: bool) -> torch.Tensor:
        """What is kept, these rows below it and, after the last ones, the border."""
        photos, channels, height, width = rows.shape
        first = 1 if self._above is None else self._above.shape[-2]
        known = torch.empty(
            (photos, channels, first + height + is_last, width), dtype=rows.dtype,
            device=rows.device, memory_format=torch.channels_last,
        )
        known[..., :first, :] = 0 if self._above is None else self._above
        inside = known[..., first : first + height, :]
        if self._activated:
            silu_into(inside, rows)
        else:
            inside.copy_(rows)
        known[..., first + height :, :] = 0
        return known


def _convolved(
    rows: torch.Tensor, height: int, conv: nn.Conv2d, padding: int | tuple[int, int] = 0
) -> torch.Tensor:
    """A convolution, its border ``padding``, of which ``height`` rows come out; with columns of
    zeros beside them where these would have fewer than FEWEST_PIXELS.

    Of so few torch lets every one of its threads add up a part of the products, so that the last
    bits follow from their number.
    """
    weight, bias, stride = conv.weight, conv.bias, conv.stride[0]
    width = rows.shape[-1] // stride
    beside = -(-FEWEST_PIXELS // height) - width
    if beside <= 0:
        return F.conv2d(rows, weight, bias, stride, padding)
    broad = F.pad(rows, (0, stride * beside))
    return F.conv2d(broad, weight, bias, stride, padding)[..., :width]


class Halved:
    """A 2×2 convolution of every second row and column: rows count by twos."""

    def __init__(self, conv: nn.Conv2d) -> None:
        self._conv, self._waiting = conv, Waiting()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        self._waiting.put(rows)
        whole = self._waiting.take(self._waiting.count // 2 * 2)
        if whole.shape[-2] == 0:
            return none_of(rows, self._conv.out_channels, rows.shape[-1] // 2)
        return _convolved(whole, whole.shape[-2] // 2, self._conv)


class Doubled:
    """A 1×1 convolution to four times the channels, which become 2×2 pixels (the order of
    ``F.pixel_shuffle``) that are added to others."""

    def __init__(self, conv: nn.Conv2d) -> None:
        # Pixel by pixel instead of channel by channel: whole channels are moved at once.
        filters = conv.weight.unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1).flatten(1)
        bias = conv.bias
        self._filters = filters
        self._bias = None if bias is None else bias.unflatten(0, (-1, 4)).t().flatten()

    def __call__(self, rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) and (N, C', 2h, 2w) -> (N, C', 2h, 2w)."""
        four = F.linear(rows.permute(0, 2, 3, 1), self._filters, self._bias)
        pixels = four.unflatten(-1, (2, 2, -1)).transpose(2, 3)  # (N, h, 2, w, 2, C')
        last = others.permute(0, 2, 3, 1)
        photos, height, width, channels = last.shape
        paired = last.unflatten(2, (width // 2, 2)).unflatten(1, (height // 2, 2))
        return (paired + pixels).reshape(photos, height, width, channels).permute(0, 3, 1, 2)


def in_turn(walks: Sequence[Walk]) -> Walk:
    def further(rows: torch.Tensor, is_last: bool) -> torch.Tensor:
        for walk in walks:
            rows = walk(rows, is_last)
        return rows

    return further


def whole_or_walked(
    whole: Callable[[torch.Tensor], torch.Tensor], begin: Callable[[], Walk]
) -> Walk:
    """A walk that takes all rows at once in a way of their own, and begins where they come a few at
    a time."""
    walk: Walk | None = None

    def further(rows: torch.Tensor, is_last: bool) -> torch.Tensor:
        nonlocal walk
        if walk is None and is_last:
            return whole(rows)
        walk = walk or begin()
        return walk(rows, is_last)

    return further


def none_of(rows: torch.Tensor, channels: int, width: int | None = None) -> torch.Tensor:
    """No rows, of so many channels."""
    width = rows.shape[-1] if width is None else width
    return rows.new_empty(len(rows), channels, 0, width)
