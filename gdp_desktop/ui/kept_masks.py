"""What was painted on photos that are no longer open, for when they are opened again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gdp_desktop.image.files import is_same_file
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.ui.mask_tiles import TileChange, clearing, unpacked

MOST_KEPT = 12


@dataclass(frozen=True, eq=False)
class KeptMask:
    """``is_used``: it lies in a file, or went into a restoration."""

    path: Path
    size: Size
    is_used: bool
    _tiles: list[TileChange]

    @classmethod
    def of(cls, path: Path, mask: Mask, is_used: bool) -> KeptMask:
        return cls(path, mask.size, is_used, clearing(mask))

    def write_to(self, mask: Mask) -> None:
        for tile in self._tiles:
            mask.write(tile.rect, unpacked(tile.before))


class KeptMasks:
    """Those of the last few photos; packed, they are small."""

    def __init__(self) -> None:
        self._all: list[KeptMask] = []

    def keep(self, mask: KeptMask) -> None:
        self._all = [*self._all, mask][-MOST_KEPT:]

    def take(self, path: Path, size: Size) -> KeptMask | None:
        """It is no longer kept here, and of no use if the photo has another size by now."""
        mine = next((mask for mask in self._all if is_same_file(mask.path, path)), None)
        self._all = [mask for mask in self._all if mask is not mine]
        return mine if mine and mine.size == size else None

    @property
    def unused(self) -> list[Path]:
        """The photos whose masks would be lost for nothing."""
        return [mask.path for mask in self._all if not mask.is_used]
