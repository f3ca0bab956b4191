"""One job from start to end: photo in, restored photo out.  The only engine of the program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.diffusion.at_once import on_one_thread
from gdp_desktop.image.by_products import by_product_path, save_by_product
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Rect
from gdp_desktop.image.photo import Photo, save_photo, save_under_free_name
from gdp_desktop.methods.method import Estimate
from gdp_desktop.restoration.amount import Mix
from gdp_desktop.restoration.cost import cost
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
from gdp_desktop.restoration.pixels import composed, consistency, is_finite, without_colours
from gdp_desktop.restoration.prepare import Prepared, prepare
from gdp_desktop.restoration.preview import PreviewPainter
from gdp_desktop.restoration.throttle import Throttle
from gdp_desktop.tasks.param import TaskError
from gdp_desktop.tasks.task import Problem

MAIN_MEMORY = torch.device("cpu")
# Estimates of a graphics card come faster than anybody can look at them.
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
    clock = Clock(cancel, on_window)
    ready = prepare(job, cancel, window_batch)
    clock.sampling_begins(ready.solver.total_windows)
    speed = ready.loaded.speed
    yield Started(clock.total, cost(ready, speed) if speed else None)

    painter = None
    if previews:
        painter = PreviewPainter(ready.photo, ready.limit, ready.region, ready.scale)
    generator = torch.Generator().manual_seed(job.recipe.seed)
    estimate: Estimate | None = None
    for estimate in ready.solver.solve(generator, clock.window_done):
        cancel.raise_if_cancelled()
        yield clock.progress()
        if ready.stays_grey:
            estimate = replace(estimate, x0=without_colours(estimate.x0))
        if painter is not None:
            painter.take(estimate.x0, estimate.level, estimate.top)
            if painter.has_news and clock.preview_is_due(ready.room.on_card):
                yield Preview(painter.picture(), clock.done, clock.total)
    x0 = estimate.x0.cpu() if estimate is not None else None
    if x0 is None or not is_finite(x0):
        raise TaskError("The result contains invalid numbers; try fewer steps or another prior.")
    yield finished(job, ready, x0, clock)


def finished(job: Job, ready: Prepared, x0: torch.Tensor, clock: Clock) -> Finished:
    """Puts the photo together, saves what is to be saved, and reports."""
    loaded, problem = ready.loaded, ready.problem.on(MAIN_MEMORY)
    whole = composed(ready.photo, x0, ready.limit, ready.region, ready.scale)
    result = Mix(job.recipe.amount, ready.photo).of(whole)
    found = by_products(problem, x0, ready.region, ready.scale)
    output, notes = saved(result, job)
    beside, unsaved = saved_beside(output, found, job.overwrite)
    remarks = ready.missing + problem.notes + problem.degradation.notes
    report = Report(
        input=str(job.source),
        output=str(output) if output else None,
        status="done",
        task=ready.task.id,
        method=ready.method.id,
        prior=loaded.name,
        prior_sha256=loaded.sha256,
        device=loaded.device,
        steps=ready.steps,
        evaluations=clock.done,
        seconds=round(clock.seconds, 2),
        seed=job.recipe.seed,
        amount=job.recipe.amount,
        consistency=round(consistency(problem, x0), 3),
        degradation=problem.degradation.estimate(),
        notes=loaded.notes + ready.photo.notes + remarks + notes + unsaved,
        others=tuple(map(str, job.others)),
        by_products=beside,
    )
    return Finished(result, report, found, remarks)


def saved(result: Photo, job: Job) -> tuple[Path | None, tuple[str, ...]]:
    """Where the result is now, and what the format could not hold."""
    if job.output is None:
        return None, ()
    if job.overwrite:
        return job.output, save_photo(result, job.output, overwrite=True)
    return save_under_free_name(result, job.output)


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


class Clock:
    """Counts windows, tells how long is left, and stops the job when it is cancelled."""

    def __init__(self, cancel: CancelToken, on_window: Callable[[Progress], None]) -> None:
        self.total, self.done = 0, 0
        self._cancel, self._on_window = cancel, on_window
        self._started = self._sampling = time.monotonic()
        self._throttle = Throttle(SECONDS_BETWEEN_PREVIEWS_ON_CARD)

    def sampling_begins(self, total: int) -> None:
        """Reading and posing, which came before, do not tell how long ``total`` windows take."""
        self.total, self._sampling = total, time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self._started

    def window_done(self) -> None:
        self._cancel.raise_if_cancelled()
        self.done += 1
        self._on_window(self.progress())

    def preview_is_due(self, on_card: bool) -> bool:
        return not on_card or self._throttle.is_open()

    def progress(self) -> Progress:
        left = None
        if self.done:
            per_window = (time.monotonic() - self._sampling) / self.done
            left = per_window * (self.total - self.done)
        return Progress(self.done, self.total, left)
