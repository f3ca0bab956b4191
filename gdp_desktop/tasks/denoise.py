"""Plain denoising: D is the identity, all that is known is how strong the noise is."""

from __future__ import annotations

from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.noise import noise_to_remove
from gdp_desktop.tasks.task import Given, Param, Problem, Task, Values

PYRAMID_LEVELS = 8  # as many as any photo has

HELP = """Removes the grain and colour speckle of high-ISO and phone photos. Left on Auto, the noise
is measured in the photo itself, in fine and in coarse structures; raise the strength if speckles
remain, lower it if fine texture goes."""


class Noise(Degradation):
    """y = x + noise."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def estimate(self) -> dict[str, float]:
        return {"noise_sigma": round(127.5 * self.sigma, 2)}


def pose(given: Given, values: Values) -> Problem:
    if values["sigma"] == 0:
        measured = noise_to_remove(given.y, PYRAMID_LEVELS)
    else:
        # A stated σ is that of white noise, which is removed at full size alone.
        measured = (values["sigma"] / 127.5, 0.0)
    sigma_y = tuple(values["strength"] * sigma for sigma in measured)
    return Problem(
        y=given.y, degradation=Noise(sigma_y[0]), sigma_y=sigma_y,
        start_sigma=None, coarse_sigma=None, zeta=0.0, solver_steps=1,
    )


TASK = Task(
    id="denoise",
    title="Denoise",
    help=HELP,
    pose=pose,
    params=(
        Param("sigma", "Noise", 0, 0, 100, 0.5, "of 255", "How strong the noise is.", auto=0),
        Param("strength", "Strength", 1.0, 0, 3, 0.05, "×", "How much of the noise to remove."),
    ),
    default_steps=2,
    order=20,
)
