"""Super-resolution: y is x seen by a sensor with fewer pixels."""

from __future__ import annotations

import torch

from gdp_desktop.diffusion.degradation import BlockMean, Degradation, halved
from gdp_desktop.diffusion.noise import estimate_noise
from gdp_desktop.tasks import published
from gdp_desktop.tasks.task import Given, Param, Problem, Task, Values

HELP = """Makes a small photo two or four times as large and adds the detail that fits; shrunk
again, the result is the photo you gave."""


class Downsampling(BlockMean):
    """Block means; a pyramid level below the photo's own size is plain shrinking."""

    def initial(self, y: torch.Tensor) -> torch.Tensor:
        return super().initial(y).clamp(-1, 1)

    def shrunk(self) -> Degradation:
        return Downsampling(self.factor // 2) if self.factor > 2 else Degradation()

    def shrink_measurement(self, y: torch.Tensor) -> torch.Tensor:
        return y if self.factor > 1 else halved(y)

    def estimate(self) -> dict[str, float]:
        return {"scale": float(self.factor)}


def pose(given: Given, values: Values) -> Problem:
    y = given.y
    noise = estimate_noise(y, 1)[0] if values["noise"] == 0 else values["noise"] / 127.5
    scale = int(values["scale"])
    # Down to the small photo's own size every level is measured against the same y.
    same_y = scale.bit_length()
    return Problem(
        y=y, degradation=Downsampling(scale), sigma_y=(noise,) * same_y,
        start_sigma=0.6, coarse_sigma=0.3, zeta=1.0, solver_steps=4,
        published=published.SUPER_RESOLUTION,
    )


TASK = Task(
    id="super-resolution",
    title="Enlarge",
    help=HELP,
    pose=pose,
    params=(
        Param("scale", "Scale", 4, 2, 4, 2, "×", "How many times as wide and high.", (2, 4)),
        Param("noise", "Noise", 0, 0, 50, 0.5, "of 255",
              "How noisy the small photo is; with noise it is matched less strictly.", auto=0),
    ),
    default_steps=20,
    scale=lambda values: int(values["scale"]),
    order=50,
)
