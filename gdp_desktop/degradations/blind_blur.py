"""Blur with an unknown kernel, found in the photo and made better while it is restored."""

from __future__ import annotations

from typing import Any

import torch

from gdp_desktop.degradations.blur import Blur
from gdp_desktop.degradations.kernel_fit import kernel_from_edges
from gdp_desktop.degradations.kernel_search import KernelSearch
from gdp_desktop.degradations.kernels import (
    doubled_kernel,
    fitted_into,
    gaussian_kernel,
    halved_kernel,
    on_the_simplex,
)

FIT_DAMPING = 0.4
NO_BLUR = "No blur was found in the photo, so it was left as sharp as it is."


class BlindBlur(Blur):
    """y = k * x with k on the simplex: not negative, summing to 1, at most (size, size).

    It starts as a Gaussian; a point would explain any photo by itself and stay one.  That is what
    it becomes where no blur is found in the photo: ``is_blurred`` is False then, and nothing more
    is learned.
    """

    learns_at_every_level = True
    # A kernel being learned is not symmetric: no DCT.
    guidance_bytes = 340
    # The search: 1.5 to 3.0 s where a window in float32 on all cores takes 0.3.
    windows_to_begin = 8.0

    def __init__(
        self, size: int, kernel: torch.Tensor | None = None, search: KernelSearch | None = None
    ) -> None:
        start = gaussian_kernel(max(size / 8, 0.4)) if kernel is None else kernel
        super().__init__(on_the_simplex(fitted_into(start, size)))
        self.size, self._search = size, search
        self._looked_for, self.is_blurred = False, True

    @property
    def reach(self) -> int:  # type: ignore[override]
        # The photo is guided as a whole; this is what D itself looks at.
        return self.kernel.shape[0] // 2

    def shrunk(self) -> BlindBlur:
        half = self.size // 2 | 1
        return BlindBlur(half, halved_kernel(self.kernel.double()), self._search)

    def adopt(self, coarse: BlindBlur) -> None:  # type: ignore[override]
        self.is_blurred = coarse.is_blurred
        if self.is_blurred:
            self.replace(doubled_kernel(coarse.kernel.double(), self.size))
        else:
            self._stay_a_point()

    def fit(self, x0: torch.Tensor, y: torch.Tensor) -> None:
        """The first time the kernel is looked for in the photo, whose blur is still in x0.  From
        then on, a damped step towards the kernel that turns the edges of x0 into those of y."""
        if not self._looked_for:
            self._looked_for = True
            self._begin_with(self._search or KernelSearch(y, self.size))
            return
        fitted = kernel_from_edges(x0, y, self.kernel) if self.is_blurred else None
        if fitted is not None:
            self.replace(torch.lerp(self.kernel.double(), fitted, FIT_DAMPING))

    def _begin_with(self, search: KernelSearch) -> None:
        """The kernel found at full size, where it is told best, made small for this level."""
        found, size = search.kernel, search.size
        if found is None:
            self._stay_a_point()
            return
        while size > self.size:
            found, size = halved_kernel(found), size // 2 | 1
        self.replace(on_the_simplex(fitted_into(found, self.size)))

    def _stay_a_point(self) -> None:
        self.is_blurred = False
        self.replace(fitted_into(torch.ones(1, 1), self.size))

    @property
    def notes(self) -> tuple[str, ...]:
        return () if self.is_blurred else (NO_BLUR,)

    def estimate(self) -> dict[str, Any]:
        return super().estimate() | {"kernel_size": self.size}

    def by_products(self) -> dict[str, torch.Tensor]:
        return {"kernel": self.kernel.clone()}

    def replace(self, kernel: torch.Tensor) -> None:
        """Takes a kernel of the same shape that was learned elsewhere."""
        self.kernel.copy_(kernel)
        self.row = self.column = None
