"""The quadruple prior as guidance: x̃0 has to have y's colours and edges, whatever its light."""

from __future__ import annotations

from dataclasses import replace

import torch

from gdp_desktop.degradations.quad_prior import QuadDifference
from gdp_desktop.diffusion.guidance import Guidance, Measurement
from gdp_desktop.methods.guided import START, Guided
from gdp_desktop.methods.method import Method
from gdp_desktop.tasks.param import Param
from gdp_desktop.tasks.task import Problem


class Quadruple(Guided):
    """The guidance is ‖prior(x) - prior(y)‖²/σ² (``degradations.quad_prior``), solved like any
    other measurement, beside as much of the task's own data term as is asked for.

    With none of it no light factor is needed: brightness is left to the prior, to the start and to
    the task's quality terms.
    """

    def measurements(self) -> list[Measurement]:
        size = self.given.size
        reference = self.y
        if reference.shape != (1, 3, size.height, size.width):
            reference = self.degradation.initial(self.y)
        with torch.no_grad():
            invariants = QuadDifference(reference)
        nothing = torch.zeros_like(invariants.reference)
        found = [Measurement(nothing, invariants, self.given.values["tolerance"])]
        if self.given.values["data"] > 0:
            share = float(self.given.values["data"])
            found.insert(0, Measurement(self.y, self.degradation, self.sigma_y, share))
        return found

    def guidance_of(self, measurements: list[Measurement]) -> Guidance:
        # It is features that are compared already.
        return replace(super().guidance_of(measurements), quality=self.given.problem.quality)


def refusal(problem: Problem) -> str | None:
    if not problem.degradation.linear:
        return None
    return (
        "The quadruple prior is for photos whose light is wrong, as in low light; choose the "
        "method Automatic."
    )


HELP = """Holds the result to those features of the photo that its light does not change: hue,
chroma, the order of the channels, edges. An alternative for dark photos that assumes no light
factor."""

METHOD = Method(
    "quad-prior", "Quadruple prior", HELP, Quadruple,
    default_steps=10,
    params=(
        START,
        Param("tolerance", "Tolerance", 0.5, 0.05, 10, 0.05, "",
              "How far a feature may be off; lower it to hold colours and edges more strictly."),
        Param("data", "Light model", 0.0, 0, 1, 0.05, "",
              "How much the task's own model of the lost light counts beside the features."),
    ),
    refusal=refusal,
    expert=True,
    order=53,
)
