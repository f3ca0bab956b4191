"""The stored start noise for a job, if its method uses one."""

from __future__ import annotations

from gdp_desktop.diffusion.boundary import Boundary
from gdp_desktop.methods.method import Method
from gdp_desktop.priors.boundaries import stored_boundary
from gdp_desktop.priors.places import find_prior
from gdp_desktop.restoration.priors import LoadedPrior
from gdp_desktop.tasks.task import Task


def boundary_for(
    prior: str, loaded: LoadedPrior, method: Method, task: Task, steps: int
) -> tuple[Boundary | None, tuple[str, ...]]:
    """The start noise, and what the report says where the method would use one and has none."""
    if not method.uses_boundary:
        return None, ()
    found = stored_boundary(find_prior(prior), loaded.sha256, task.id, steps)
    if found is not None:
        return found.boundary, ()
    return None, (
        f'No start noise is stored for "{task.id}" with {steps} steps of {loaded.name}, so a '
        f"random one was used; for linear tasks the command boundary --task {task.id} "
        f"--steps {steps} --photos FOLDER searches for one.",
    )
