"""Inpainting: the painted or dead pixels are unknown, all others stay as they are."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.resampling import enlarged, halved
from gdp_desktop.diffusion.spectrum import Diagonal, Spectrum
from gdp_desktop.diffusion.strips import Rows
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks import published
from gdp_desktop.tasks.dead_pixels import dead_pixels
from gdp_desktop.tasks.param import Option, Param, TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task

HELP = """Paint over a scratch, a spot or an unwanted thing; it is filled from its surroundings.
Pixels you did not paint are not changed at all. Try another seed for another answer. Dead pixels,
black or white specks of a sensor or a transfer, need no painting: the program finds them."""


class Masking(Degradation):
    """y = known · x; ``known`` is (1, 1, H, W) in {0, 1}."""

    linear = True
    # Filling goes from the rim of a hole to its middle, however wide it is.
    local = False
    known: torch.Tensor

    def __init__(self, known: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("known", known)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.known * x

    def spectrum(self, size: Size) -> Spectrum | None:
        return Diagonal(self.known)

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return fill_from_surroundings(y, self.known)

    def rows(self, rows: Rows, height: int) -> Masking:
        return Masking(rows.of(self.known, height))

    def shrunk(self) -> Masking:
        return Masking((halved(self.known) > 0).float())

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        # The mean of the known pixels only.
        return halved(self.known * y) / halved(self.known).clamp(min=0.25)

    def estimate(self) -> dict[str, float]:
        return {"missing_share": round(1 - float(self.known.mean()), 4)}


def fill_from_surroundings(y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Smooth filling of the unknown pixels (Gortler et al. 1996, push-pull)."""
    if bool((known > 0).all()) or max(y.shape[-2:]) < 2:
        return y
    height, width = y.shape[-2:]
    even = (0, width % 2, 0, height % 2)
    padded, weight = F.pad(known * y, even), F.pad(known, even)
    share = halved(weight)
    coarse_known = (share > 0).float()
    coarse = halved(padded) / share.clamp(min=0.25)
    filled = enlarged(fill_from_surroundings(coarse, coarse_known))[..., :height, :width]
    return (known * y + (1 - known) * filled).clamp(-1, 1)


def finds_mask(values: Values) -> bool:
    """Whether the program looks for what is missing, and the user need not paint."""
    return values["missing"] != "painted"


def find_mask(pixels: np.ndarray, values: Values) -> np.ndarray:
    """bool (H, W): the dead pixels of a photo (H, W, 3); TaskError if it has none."""
    found = dead_pixels(pixels, white_too=values["missing"] == "dead-and-hot")
    if not found.any():
        raise TaskError("No dead pixels were found; paint over what is to be replaced instead.")
    return found


def known_in(given: Given, paint: str) -> torch.Tensor:
    """(1, 1, H, W) in {0, 1}: what was not painted.  Raises TaskError, ``paint`` if nothing was."""
    if given.unknown is None or not bool(given.unknown.any()):
        raise TaskError(paint)
    if bool(given.unknown.all()):
        raise TaskError("The mask covers the whole photo; leave something to fill it from.")
    return 1 - given.unknown


def pose(given: Given, values: Values) -> Problem:
    known = known_in(given, "Inpainting needs a mask; paint over what is to be replaced.")
    texture = suiting_texture(known) if values["texture"] == AUTO else values["texture"]
    return Problem(
        y=known * given.y, degradation=Masking(known), sigma_y=(0.0,),
        # What is to have detail of its own must be able to leave the smooth continuation.
        start_sigma=values["freedom"], coarse_sigma=(4 if texture else 1) * values["freedom"],
        # All fresh noise gives the likeliest filling, which is smooth; keeping some of it gives
        # one filling of many, with the grain of its surroundings.
        zeta=1 - texture,
        solver_steps=3,
        published=published.INPAINTING,
    )


# Pixels from the rim to the middle of a hole up to which its surroundings say all there is.
NARROW = 2
AUTO = -1.0


def suiting_texture(known: torch.Tensor) -> float:
    """Specks and hairlines are filled faithfully; a wide hole without grain would show."""
    inner = F.max_pool2d(known, 2 * NARROW + 1, stride=1, padding=NARROW)
    return 0.0 if bool((inner > 0).all()) else 0.7


TASK = Task(
    id="inpainting",
    title="Inpaint",
    help=HELP,
    pose=pose,
    params=(
        Option("missing", "What is missing", "painted", (
            ("painted", "What I paint"),
            ("dead", "Black dead pixels"),
            ("dead-and-hot", "Black and white dead pixels"),
        ), "Dead pixels are specks of pure black or pure white; where you paint as well, only "
           "those under the paint are replaced."),
        Param("freedom", "Freedom", 0.6, 0.1, 5, 0.05, "",
              "How far the filling may go from a smooth continuation of the surroundings."),
        Param("texture", "Texture", AUTO, 0, 1, 0.05, "",
              "0 fills smoothly and safely, higher values with more grain and detail. Auto takes 0 "
              "for specks and hairlines and 0.7 for wider holes.", auto=AUTO),
    ),
    default_steps=20,
    needs_mask=True,
    finds_mask=finds_mask,
    find_mask=find_mask,
    order=40,
)
