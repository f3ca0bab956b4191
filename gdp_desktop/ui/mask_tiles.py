"""The mask cut into squares, so that undo keeps no more than what was painted on.

A copy of the whole mask would cost a quarter of a second in a photo of 100 megapixels, and the
rectangle around a slanting stroke is nearly as large as the photo.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.mask import Mask

SIDE = 256


class Packed(NamedTuple):
    """The pixels of a tile: one value and how often, or compressed as they are."""

    pixels: bytes
    times: int = 0


class TileChange(NamedTuple):
    """A tile before and after."""

    rect: Rect
    before: Packed
    after: Packed


def tiles_touching(mask: Mask, rect: Rect) -> Iterator[Rect]:
    """The tiles of the mask that share any pixel with ``rect``."""
    rect = rect.clamped(mask.size)
    for y in range(rect.y // SIDE * SIDE, rect.bottom, SIDE):
        for x in range(rect.x // SIDE * SIDE, rect.right, SIDE):
            yield Rect(x, y, SIDE, SIDE).clamped(mask.size)


class MaskHistory:
    """What a mask was like, remembered tile by tile just before each is changed."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._before: dict[Rect, bytes] = {}

    def remember(self, rect: Rect) -> None:
        for tile in tiles_touching(self._mask, rect):
            if tile not in self._before:
                self._before[tile] = self._mask.read(tile)

    def changes(self) -> list[TileChange]:
        """The remembered tiles that are different now."""
        now = ((tile, before, self._mask.read(tile)) for tile, before in self._before.items())
        return [change(*tile) for tile in now if tile[1] != tile[2]]


def change(rect: Rect, before: bytes, after: bytes) -> TileChange:
    return TileChange(rect, packed(before), packed(after))


def differences(mask: Mask, other: Mask) -> list[TileChange]:
    """What has to be changed in ``mask`` to make it the ``other`` of the same size."""
    where = mask.bounds().union(other.bounds())
    pairs = ((tile, mask.read(tile), other.read(tile)) for tile in tiles_touching(mask, where))
    return [change(*pair) for pair in pairs if pair[1] != pair[2]]


def clearing(mask: Mask) -> list[TileChange]:
    """What has to be changed to leave nothing painted."""
    tiles = ((tile, mask.read(tile)) for tile in tiles_touching(mask, mask.bounds()))
    return [
        TileChange(tile, before, Packed(b"\0", len(pixels)))
        for tile, pixels in tiles
        if (before := packed(pixels)) != Packed(b"\0", len(pixels))
    ]


def packed(pixels: bytes) -> Packed:
    """Most tiles are painted all over or not at all, and looking costs far less than packing."""
    if pixels[1:] == pixels[:-1]:
        return Packed(pixels[:1], len(pixels))
    return Packed(zlib.compress(pixels, 1))


def unpacked(tile: Packed) -> bytes:
    return tile.pixels * tile.times if tile.times else zlib.decompress(tile.pixels)


def painted_copy(mask: Mask) -> Mask:
    """As ``mask.copy()``; memory is taken and time spent only where something is painted."""
    copy = Mask.empty(mask.size)
    for tile in tiles_touching(mask, mask.bounds()):
        pixels = mask.read(tile)
        if pixels.strip(b"\0"):
            copy.write(tile, pixels)
    return copy
