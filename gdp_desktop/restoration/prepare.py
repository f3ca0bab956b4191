"""From a job to a problem that can be solved: checked, read and posed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.diffusion.prior import Prior, UNetPrior
from gdp_desktop.image.encoding import refuse_long_side
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.files import free_path, version_of
from gdp_desktop.image.formats import FORMAT_OF_SUFFIX, SAVED_ENDINGS, SAVED_SUFFIXES
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.metadata import light_gathered
from gdp_desktop.image.photo import Photo, load_photo
from gdp_desktop.image.writing import refuse_target
from gdp_desktop.methods import method_named
from gdp_desktop.methods.levels import level_count
from gdp_desktop.methods.method import Assignment, Method, Solver
from gdp_desktop.methods.noise_first import solver_for
from gdp_desktop.restoration.amount import AMOUNT
from gdp_desktop.restoration.boundary import boundary_for
from gdp_desktop.restoration.disk import refuse_full_disk
from gdp_desktop.restoration.job import MAX_STEPS, CancelToken, Job
from gdp_desktop.restoration.memory import (
    Room,
    footprint_before_posing,
    needed_bytes,
    refuse_too_large,
    room_for,
)
from gdp_desktop.restoration.pixels import as_tensor
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.restoration.timing import usual_batch
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError, Values
from gdp_desktop.tasks.task import Given, Problem, Task
from gdp_desktop.words import number_of

# Pixels around a painted mask that the prior gets to see.
CONTEXT = 160


@dataclass(frozen=True)
class Prepared:
    """A job checked, read and posed: all that comes before the first window.

    ``limit`` is the mask outside which nothing changes, if there is one.  ``stays_grey``: the photo
    has no colours and is not to get any.
    """

    task: Task
    method: Method
    steps: int
    photo: Photo
    limit: Mask | None
    region: Rect
    scale: int
    loaded: LoadedPrior
    problem: Problem
    size: Size
    room: Room
    solver: Solver
    missing: tuple[str, ...]
    stays_grey: bool


def prepare(
    job: Job, cancel: CancelToken | None = None, window_batch: int | None = None
) -> Prepared:
    """Raises what ``restore`` raises before it begins."""
    cancel = cancel or CancelToken()
    task = task_named(job.recipe.task)
    values = task.values(job.recipe.params)
    method = method_named(job.recipe.method or task.default_method)
    method_values = method.values(job.recipe.method_params)
    steps = checked_steps(task, method, job.recipe.steps)
    AMOUNT.check(job.recipe.amount)
    target = target_of(job)
    photo = load_photo(job.source)
    if job.version is not None and version_of(job.source) != job.version:
        raise PhotoError(f"{shown(job.source)} has changed since it was opened; open it again.")
    others = checked_others(task, job, photo)
    mask = checked_mask(job.mask, photo, task, values)
    loaded = load_prior(job.recipe.prior, job.recipe.device)
    cancel.raise_if_cancelled()

    # Where the mask only says what is unknown, all of the photo may change.
    limit = None if task.mask_is_unknown(values) else mask
    region, scale = region_of(photo, limit, task), task.scale(values)
    before = footprint_before_posing(
        task, photo.pixels.nbytes * scale**2, region.size, 1 + len(others)
    )
    refuse_too_large(job, needed_bytes(before, region.size, loaded, 1))
    if target is not None:
        saved = Size(photo.size.width * scale, photo.size.height * scale)
        refuse_long_side(saved, FORMAT_OF_SUFFIX[target.suffix.lower()], shown(target))
        refuse_full_disk(photo, saved, target, task.pictures_beside)
    scene = Scene(photo, mask, others, region, job.source)
    problem, size = pose(task, values, scene, loaded.prior, cancel)
    if refusal := method.refusal(problem):
        raise TaskError(refusal)
    wanted, coarse_side = window_batch or usual_batch(loaded.device), task.coarse_side_for(size)
    room = room_for(job, before, problem, size, method, loaded, wanted, coarse_side)
    boundary, missing = boundary_for(job.recipe.prior, loaded, method, task, steps)
    to_solve = problem.on(torch.device(loaded.device)) if room.on_card else problem
    solver = solver_for(method, Assignment(
        to_solve, loaded.prior, size, steps, coarse_side, room.window_batch, method_values,
        boundary,
    ))
    return Prepared(
        task=task, method=method, steps=steps, photo=photo, limit=limit, region=region,
        scale=scale, loaded=loaded, problem=problem, size=size, room=room, solver=solver,
        missing=missing,
        stays_grey=not task.gives_colours(values) and all(p.is_grey for p in (photo, *others)),
    )


def checked_steps(task: Task, method: Method, steps: int | None) -> int:
    """The number of steps, or TaskError if it cannot be."""
    if steps is None:
        return method.default_steps or task.default_steps
    if not method.least_steps <= steps <= MAX_STEPS:
        raise TaskError(
            f"{number_of(steps, 'step')} of {method.title} cannot be; choose from "
            f"{method.least_steps} to {MAX_STEPS}."
        )
    return steps


def checked_others(task: Task, job: Job, photo: Photo) -> tuple[Photo, ...]:
    """The further photos of the scene, or TaskError if they are too few, too many or of another
    size."""
    fewest, most = task.others
    if not fewest <= len(job.others) <= most:
        raise TaskError(
            f"{task.title} takes one photo at a time; leave the others out." if most == 0 else
            f"{task.title} needs {fewest + 1} to {most + 1} photos of the same scene and got "
            f"{len(job.others) + 1}; add some or leave some out."
        )
    others = tuple(load_photo(path) for path in job.others)
    for path, other in zip(job.others, others, strict=True):
        if other.size != photo.size:
            raise TaskError(
                f"{shown(path)} has {other.size.width}×{other.size.height} pixels and "
                f"{shown(job.source)} {photo.size.width}×{photo.size.height}; give photos of one "
                "size."
            )
    return others


def checked_mask(mask: Mask | None, photo: Photo, task: Task, values: Values) -> Mask | None:
    """The mask if it fits the photo and the task; an empty one counts as none.

    Where the task finds a mask itself, a given one says where to look.
    """
    if mask is None or mask.is_empty:
        if task.find_mask and task.finds_mask(values):
            return Mask(np.uint8(255) * task.find_mask(photo.pixels, values))
        if task.must_be_painted(values):
            raise TaskError(f"{task.title} needs a mask of what is missing; paint or give one.")
        return None
    if mask.size != photo.size:
        raise TaskError(
            f"The mask has {mask.size.width}×{mask.size.height} pixels and the photo "
            f"{photo.size.width}×{photo.size.height}; give a mask of the photo's size."
        )
    if task.scale(values) != 1 and not task.mask_is_unknown(values):
        raise TaskError(f"{task.title} changes the size of the photo and takes no mask; clear it.")
    if task.find_mask and task.finds_mask(values):
        found = task.find_mask(photo.pixels, values) & (mask.pixels > 0)
        if not found.any():
            raise TaskError("No dead pixels were found under the mask; clear it to look anywhere.")
        return Mask(np.uint8(255) * found)
    return mask


def region_of(photo: Photo, mask: Mask | None, task: Task) -> Rect:
    """What is worked on: the surroundings of the mask, or all."""
    if mask is None or task.needs_whole_photo:
        return whole(photo)
    return mask.bounds().padded(CONTEXT).clamped(photo.size)


@dataclass(frozen=True)
class Scene:
    """The photo, its mask and its companions, and the region of them that is restored."""

    photo: Photo
    mask: Mask | None
    others: tuple[Photo, ...]
    region: Rect
    source: Path | None = None


def pose(
    task: Task, values: Values, scene: Scene, prior: Prior, cancel: CancelToken
) -> tuple[Problem, Size]:
    """The task's problem for the region, padded to what the pyramid needs, and the size of x."""
    scale, region = task.scale(values), scene.region
    full = Size(region.width * scale, region.height * scale)
    multiple = prior.stride << (level_count(full, task.coarse_side_for(full)) - 1)
    padding = [(0, -n % max(1, multiple // scale)) for n in (region.height, region.width)]

    def padded(where: np.ndarray) -> np.ndarray:
        return np.pad(where[region.slices] > 0, padding, mode="symmetric")

    painted = None if scene.mask is None else padded(scene.mask.pixels)
    opaque = None if scene.photo.alpha is None else padded(scene.photo.alpha)
    limit = None if task.mask_is_unknown(values) else painted
    y = as_tensor(scene.photo, region, padding)
    given = Given(
        y=y,
        unknown=None if painted is None else as_flags(painted),
        subject=subject_of(limit, opaque),
        others=tuple(as_tensor(other, region, padding) for other in scene.others),
        source=scene.source if region == whole(scene.photo) else None,
        size=region.size,
        exposures=tuple(light_gathered(p.exif) for p in (scene.photo, *scene.others)),
        # A public checkpoint takes minutes for what this one answers in a second.
        prior=prior if isinstance(prior, UNetPrior) else None,
        raise_if_cancelled=cancel.raise_if_cancelled,
    )
    with torch.no_grad():
        return task.pose(given, values), Size(y.shape[-1] * scale, y.shape[-2] * scale)


def as_flags(where: np.ndarray) -> torch.Tensor:
    """bool (H, W) -> (1, 1, H, W) in {0, 1}"""
    return torch.from_numpy(where)[None, None].float()


def subject_of(limit: np.ndarray | None, opaque: np.ndarray | None) -> torch.Tensor | None:
    """Where both hold, (1, 1, H, W) in {0, 1}; None if that is everywhere or nowhere."""
    where = np.logical_and.reduce([one for one in (limit, opaque) if one is not None])
    return as_flags(where) if where.any() and not where.all() else None


def whole(photo: Photo) -> Rect:
    return Rect(0, 0, photo.size.width, photo.size.height)


def target_of(job: Job) -> Path | None:
    """Where the result will go; PhotoError if it cannot be written there, before the long work."""
    if job.output is None:
        return None
    path = job.output if job.overwrite else free_path(job.output)
    if path.suffix.lower() not in SAVED_SUFFIXES:
        raise PhotoError(
            f"A result cannot be saved as {shown(path)}; choose {SAVED_ENDINGS}."
        )
    refuse_target(path, overwrite=job.overwrite)
    return path
