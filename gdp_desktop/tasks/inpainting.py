"""Inpainting: the masked pixels are unknown, all others stay as they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gdp_desktop.diffusion.degradation import Degradation, enlarged, halved
from gdp_desktop.tasks import published
from gdp_desktop.tasks.task import Given, Param, Problem, Task, TaskError, Values

HELP = """Paint over a scratch, a spot or an unwanted thing; it is filled from its surroundings.
Pixels you did not paint are not changed at all. Try another seed for another answer."""


class Masking(Degradation):
    """y = known · x; ``known`` is (1, 1, H, W) in {0, 1}."""

    known: torch.Tensor

    def __init__(self, known: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("known", known)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.known * x

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return fill_from_surroundings(y, self.known)

    def shrunk(self) -> Masking:
        return Masking((halved(self.known) > 0).float())

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        # The mean of the known pixels only.
        return halved(self.known * y) / halved(self.known).clamp(min=0.25)

    def estimate(self) -> dict[str, float]:
        return {"missing_share": round(1 - float(self.known.mean()), 4)}


def fill_from_surroundings(y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Smooth filling of the unknown pixels (Gortler et al. 1996, push-pull)."""
    if bool((known > 0).all()) or min(y.shape[-2:]) < 2:
        return y
    height, width = y.shape[-2:]
    even = (0, width % 2, 0, height % 2)
    padded, weight = F.pad(known * y, even), F.pad(known, even)
    share = halved(weight)
    coarse_known = (share > 0).float()
    coarse = halved(padded) / share.clamp(min=0.25)
    filled = enlarged(fill_from_surroundings(coarse, coarse_known))[..., :height, :width]
    return (known * y + (1 - known) * filled).clamp(-1, 1)


def pose(given: Given, values: Values) -> Problem:
    if given.unknown is None or not bool(given.unknown.any()):
        raise TaskError(
            "Inpainting needs a mask; paint over what is to be replaced."
        )
    known = 1 - given.unknown
    if not bool(known.any()):
        raise TaskError("The mask covers the whole photo; leave something to fill it from.")
    return Problem(
        y=known * given.y, degradation=Masking(known), sigma_y=(0.0,),
        start_sigma=values["freedom"], coarse_sigma=4 * values["freedom"],
        # All fresh noise gives the likeliest filling, which is smooth; keeping some of it gives
        # one filling of many, with the grain of its surroundings.
        zeta=1 - values["texture"],
        solver_steps=3,
        published=published.INPAINTING,
    )


TASK = Task(
    id="inpainting",
    title="Inpaint",
    help=HELP,
    pose=pose,
    params=(
        Param("freedom", "Freedom", 0.6, 0.1, 5, 0.05, "",
              "How far the filling may go from a smooth continuation of the surroundings."),
        Param("texture", "Texture", 0.7, 0, 1, 0.05, "",
              "0 fills smoothly and safely, higher values with more grain and detail."),
    ),
    default_steps=20,
    needs_mask=True,
    order=40,
)
