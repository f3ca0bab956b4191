"""One job from start to end: photo in, restored photo out.  The only engine of the program."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.diffusion.at_once import on_one_thread
from gdp_desktop.diffusion.perceptual import features_if_any
from gdp_desktop.diffusion.prior import Prior
from gdp_desktop.image.by_products import by_product_path, save_by_product
from gdp_desktop.image.encoding import refuse_long_side
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.files import SUFFIX_FORMATS, free_path, refuse_target
from gdp_desktop.image.geometry import Rect, Size
from gdp_desktop.image.mask import Mask
from gdp_desktop.image.metadata import light_gathered
from gdp_desktop.image.photo import Photo, load_photo, save_photo
from gdp_desktop.methods import method_named
from gdp_desktop.methods.adaptive import level_count
from gdp_desktop.methods.method import Assignment, Estimate, Method, Solver
from gdp_desktop.restoration.boundary import boundary_for
from gdp_desktop.restoration.cost import cost
from gdp_desktop.restoration.disk import refuse_full_disk
from gdp_desktop.restoration.job import (
    CancelToken,
    Event,
    Finished,
    Job,
    Preview,
    Progress,
    Report,
    Started,
)
from gdp_desktop.restoration.memory import (
    fits_on_card,
    fitting_batch,
    load_before_posing,
    load_of,
    needed_bytes,
    refuse_too_large,
)
from gdp_desktop.restoration.pixels import as_tensor, composed, consistency, is_finite
from gdp_desktop.restoration.preview import PreviewPainter
from gdp_desktop.restoration.priors import LoadedPrior, load_prior, usual_batch
from gdp_desktop.tasks import Task, TaskError, task_named
from gdp_desktop.tasks.task import Given, Problem, Values

# Pixels around a painted mask that the prior gets to see.
CONTEXT = 160
MAX_STEPS = 1000
MAIN_MEMORY = torch.device("cpu")
# A picture of what a graphics card is doing has to wait until it has done it.
SECONDS_BETWEEN_PREVIEWS_ON_CARD = 0.1


def restore(
    job: Job,
    cancel: CancelToken,
    on_window: Callable[[Progress], None] = lambda progress: None,
    *,
    window_batch: int | None = None,
    previews: bool = True,
) -> Iterator[Event]:
    """Runs a job as a stream of events, ending with Finished; without ``previews`` none is painted.

    ``on_window`` hears of every network evaluation as it happens, from the same thread.  The job
    stops within one of them after ``cancel``, raising Cancelled.  Raises PhotoError, TaskError
    or CheckpointError with one sentence for the user; nothing is written then.
    """
    with on_one_thread():
        yield from _events(job, cancel, on_window, window_batch, previews)


def _events(
    job: Job,
    cancel: CancelToken,
    on_window: Callable[[Progress], None],
    window_batch: int | None,
    previews: bool,
) -> Iterator[Event]:
    started = time.monotonic()
    ready = prepare(job, cancel, window_batch)
    task, photo, loaded, problem = ready.task, ready.photo, ready.loaded, ready.problem
    scale, limit, region = ready.scale, ready.limit, ready.region
    clock = _Clock(ready.solver.total_windows, cancel, on_window)
    yield Started(clock.total, cost(ready, loaded.speed) if loaded.speed else None)

    painter = PreviewPainter(photo, limit, region, scale) if previews else None
    generator = torch.Generator().manual_seed(job.recipe.seed)
    estimate: Estimate | None = None
    for estimate in ready.solver.solve(generator, clock.window_done):
        cancel.raise_if_cancelled()
        yield clock.progress()
        if painter is not None:
            painter.take(estimate.x0, estimate.level, estimate.top)
            if clock.preview_is_due(ready.on_card):
                yield Preview(painter.picture(), clock.done, clock.total)
    x0 = estimate.x0.cpu() if estimate is not None else None
    if x0 is None or not is_finite(x0):
        raise TaskError("The result contains invalid numbers; try fewer steps or another prior.")

    problem = problem.on(MAIN_MEMORY)
    result = composed(photo, x0, limit, region, scale)
    output = _target(job)
    found = by_products(problem, x0, region, scale)
    notes = save_photo(result, output, overwrite=job.overwrite) if output else ()
    beside, unsaved = saved_beside(output, found, job.overwrite)
    remarks = ready.missing + problem.notes + problem.degradation.notes
    report = Report(
        input=str(job.source),
        output=str(output) if output else None,
        status="done",
        task=task.id,
        method=ready.method.id,
        prior=loaded.name,
        prior_sha256=loaded.sha256,
        device=loaded.device,
        steps=ready.steps,
        evaluations=clock.done,
        seconds=round(time.monotonic() - started, 2),
        seed=job.recipe.seed,
        consistency=round(consistency(problem, x0), 3),
        degradation=problem.degradation.estimate(),
        notes=loaded.notes + photo.notes + remarks + notes + unsaved,
        others=tuple(map(str, job.others)),
        by_products=beside,
    )
    yield Finished(result, report, found, remarks)


@dataclass(frozen=True)
class Prepared:
    """A job checked, read and posed: all that comes before the first window.

    ``limit`` is the mask outside which nothing changes, if there is one; ``memory`` the bytes of
    main memory that the job takes at most.  ``on_card``: the problem is solved on a graphics card.
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
    window_batch: int
    memory: int
    on_card: bool
    solver: Solver
    missing: tuple[str, ...]


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
    target = _target(job)
    photo = load_photo(job.source)
    others = checked_others(task, job, photo)
    mask = checked_mask(job.mask, photo, task, values)
    loaded = load_prior(job.recipe.prior, job.recipe.device)
    cancel.raise_if_cancelled()

    # Where the mask only says what is unknown, all of the photo may change.
    limit = None if task.mask_is_unknown(values) else mask
    region, scale = region_of(photo, limit, task), task.scale(values)
    before = load_before_posing(task, photo.pixels.nbytes * scale**2, region.size, 1 + len(others))
    refuse_too_large(job, needed_bytes(before, region.size, loaded, 1))
    if target is not None:
        saved = Size(photo.size.width * scale, photo.size.height * scale)
        refuse_long_side(saved, SUFFIX_FORMATS[target.suffix.lower()], shown(target))
        refuse_full_disk(photo, saved, target, task.pictures_beside)
    scene = Scene(photo, mask, others, region, job.source)
    problem, size = pose(task, values, scene, loaded.prior, cancel)
    if refusal := method.refusal(problem):
        raise TaskError(refusal)
    wanted = window_batch or usual_batch(loaded.device)
    load = load_of(before, problem, size, method, loaded, wanted)
    batch = fitting_batch(wanted, job.memory_limit, load, size, loaded)
    load = load_of(before, problem, size, method, loaded, batch)
    if on_card := fits_on_card(load, size, loaded, batch):
        load = replace(load, solving=0)
    needed = needed_bytes(load, size, loaded, batch)
    refuse_too_large(job, needed)
    boundary, missing = boundary_for(job.recipe.prior, loaded, method, task, steps)
    to_solve = problem.on(torch.device(loaded.device)) if on_card else problem
    solver = method.solver(Assignment(
        to_solve, loaded.prior, size, steps, task.coarse_side_for(size), batch, method_values,
        boundary,
    ))
    return Prepared(
        task, method, steps, photo, limit, region, scale, loaded, problem, size, batch, needed,
        on_card, solver, missing,
    )


def checked_steps(task: Task, method: Method, steps: int | None) -> int:
    """The number of steps, or TaskError if it cannot be."""
    if steps is None:
        return method.default_steps or task.default_steps
    if not 1 <= steps <= MAX_STEPS:
        raise TaskError(f"{steps} steps cannot be; choose from 1 to {MAX_STEPS}.")
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

    unknown = None
    if scene.mask is not None:
        painted = np.pad(scene.mask.pixels[region.slices] > 0, padding, mode="symmetric")
        unknown = torch.from_numpy(painted)[None, None].float()
    y = as_tensor(scene.photo, region, padding)
    given = Given(
        y, unknown, tuple(as_tensor(other, region, padding) for other in scene.others),
        scene.source if region == whole(scene.photo) else None,
        region.size,
        tuple(light_gathered(p.exif) for p in (scene.photo, *scene.others)),
        features_if_any(prior), cancel.raise_if_cancelled,
    )
    with torch.no_grad():
        return task.pose(given, values), Size(y.shape[-1] * scale, y.shape[-2] * scale)


def by_products(
    problem: Problem, x0: torch.Tensor, region: Rect, scale: int
) -> dict[str, np.ndarray]:
    """What was found beside the photo: (h, w) as it is, pictures of x0 without their padding."""
    height, width = region.height * scale, region.width * scale
    with torch.no_grad():
        learned = {k: v.squeeze().numpy() for k, v in problem.degradation.by_products().items()}
        made = {
            name: picture[0, :, :height, :width].permute(1, 2, 0).numpy()
            for name, picture in problem.by_products(x0).items()
        }
    return learned | made


def saved_beside(
    output: Path | None, found: dict[str, np.ndarray], overwrite: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Where the by-products were saved, and why any could not be: the result is there already."""
    if output is None:
        return {}, ()
    paths: dict[str, str] = {}
    notes: list[str] = []
    for name, array in found.items():
        try:
            path = by_product_path(output, name, array)
            paths[name] = str(save_by_product(array, path, overwrite=overwrite))
        except PhotoError as error:
            notes.append(str(error))
    return paths, tuple(notes)


def whole(photo: Photo) -> Rect:
    return Rect(0, 0, photo.size.width, photo.size.height)


def _target(job: Job) -> Path | None:
    """Where the result will go; PhotoError if it cannot be written there, before the long work."""
    if job.output is None:
        return None
    path = job.output if job.overwrite else free_path(job.output)
    if path.suffix.lower() not in SUFFIX_FORMATS:
        raise PhotoError(
            f"A result cannot be saved as {path.name}; choose .jpg, .png, .tif or .webp."
        )
    refuse_target(path, overwrite=job.overwrite)
    return path


class _Clock:
    """Counts windows, tells how long is left, and stops the job when it is cancelled."""

    def __init__(
        self, total: int, cancel: CancelToken, on_window: Callable[[Progress], None]
    ) -> None:
        self.total, self.done = total, 0
        self._cancel, self._on_window = cancel, on_window
        self._started = time.monotonic()
        self._last_preview = -math.inf

    def window_done(self) -> None:
        self._cancel.raise_if_cancelled()
        self.done += 1
        self._on_window(self.progress())

    def preview_is_due(self, on_card: bool) -> bool:
        now, pause = time.monotonic(), SECONDS_BETWEEN_PREVIEWS_ON_CARD if on_card else 0.0
        if now - self._last_preview < pause:
            return False
        self._last_preview = now
        return True

    def progress(self) -> Progress:
        left = None
        if self.done:
            per_window = (time.monotonic() - self._started) / self.done
            left = per_window * (self.total - self.done)
        return Progress(self.done, self.total, left)
