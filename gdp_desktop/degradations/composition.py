"""Several degradations one after the other, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.spectrum import Diagonal, OfGrey, Spectrum
from gdp_desktop.diffusion.strips import Rows
from gdp_desktop.image.geometry import Size

# From the picture that a part left behind, the part.
MakePart = Callable[[torch.Tensor], Degradation]


class Composition(Degradation):
    """y = D_n(… D_1(x)), from three channels to three channels each.

    φ of every part is learned by itself: with the others fixed, D_i took the picture that the
    parts before it make of x0 to the one that the inverses of the parts after it make of y.
    """

    # A part may look further than it would by itself, through those after it.
    local = False
    parts: nn.ModuleList

    def __init__(self, parts: Sequence[Degradation]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    @classmethod
    def found_in(cls, y: torch.Tensor, makers: Sequence[MakePart]) -> Composition:
        """The parts in the order of time, each made for the picture it left behind, last first."""
        parts: list[Degradation] = []
        for make in reversed(makers):
            parts.insert(0, make(y))
            y = parts[0].initial(y)
        return cls(parts)

    @property
    def in_order(self) -> list[Degradation]:
        return [part for part in self.parts if isinstance(part, Degradation)]

    @property
    def pointwise(self) -> bool:  # type: ignore[override]
        return all(part.pointwise for part in self.in_order)

    @property
    def linear(self) -> bool:
        return all(part.linear for part in self.in_order)

    @property
    def reach(self) -> int | None:  # type: ignore[override]
        factor = max((part.shrinks_by for part in self.in_order), default=1)
        reaches = [part.reach for part in self.in_order]
        return None if None in reaches else factor * sum(reach or 0 for reach in reaches)

    def spectrum(self, size: Size) -> Spectrum | None:
        """Known for one part alone, and for one that treats every channel alike beside the mean of
        the channels, in either order."""
        found = [part.spectrum(size) for part in self.in_order]
        if None in found:
            return None
        changing = [one for one in found if one is not None and not _is_identity(one)]
        others = [one for one in changing if not isinstance(one, OfGrey)]
        if len(others) > 1 or any(one.singular.shape[1] > 1 for one in others):
            return None
        each = others[0] if others else Diagonal(torch.ones(1, 1, 1, 1))
        return OfGrey(each) if len(changing) > len(others) else each

    @property
    def guidance_share(self) -> float:  # type: ignore[override]
        return sum(part.guidance_share for part in self.in_order)

    @property
    def windows_to_begin(self) -> float:  # type: ignore[override]
        return sum(part.windows_to_begin for part in self.in_order)

    @property
    def guidance_bytes(self) -> int:  # type: ignore[override]
        return max(300, *(part.guidance_bytes for part in self.in_order))

    @property
    def shrinks(self) -> bool:
        """Whether y has fewer pixels than x, so that it is the same at a coarser level."""
        return any(part.shrinks_by > 1 for part in self.in_order)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.in_order:
            x = part(x)
        return x

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return self._backwards(y)[0]

    def noise_gain(self, y: torch.Tensor) -> torch.Tensor:
        pictures = self._backwards(y)
        gain = y.new_ones(1, 1, 1, 1)
        for part, after in zip(self.in_order, pictures[1:], strict=True):
            own = part.noise_gain(after)
            if own.shape[-2] > 1:  # after shrinking, a value stands for a block of x
                own = F.interpolate(own, size=pictures[0].shape[-2:], mode="nearest")
            gain = gain * own
        return gain

    def rows(self, rows: Rows, height: int) -> Composition:
        parts = []
        for part in self.in_order:
            parts.append(part.rows(rows, height))
            rows = Rows(rows.top // part.shrinks_by, rows.bottom // part.shrinks_by)
            height //= part.shrinks_by
        return Composition(parts)

    def shrunk(self) -> Degradation:
        """A part that makes the photo smaller does so by less; those after it stay as they are."""
        parts, halves = [], True
        for part in self.in_order:
            parts.append(part.shrunk() if halves else part)
            halves = halves and part.shrinks_by == 1
        return Composition(parts)

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        return y if self.shrinks else self.in_order[-1].shrink_measurement(y)

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        before = x0
        for part, after in zip(self.in_order, self._backwards(y)[1:], strict=True):
            part.fit(before, after)
            before = part(before)

    def adopt(self, coarse: Degradation) -> None:
        if isinstance(coarse, Composition):
            for part, other in zip(self.in_order, coarse.in_order, strict=True):
                part.adopt(other)

    def estimate(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in self.in_order:
            found |= part.estimate()
        return found

    def by_products(self) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}
        for part in self.in_order:
            found |= part.by_products()
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for part in self.in_order for note in part.notes)

    def _backwards(self, y: torch.Tensor) -> list[torch.Tensor]:
        """The pictures from the trivial restoration to y, one more than there are parts."""
        pictures = [y]
        for part in reversed(self.in_order):
            pictures.insert(0, part.initial(pictures[0]))
        return pictures


def _is_identity(spectrum: Spectrum) -> bool:
    return isinstance(spectrum, Diagonal) and bool((spectrum.singular == 1).all())
