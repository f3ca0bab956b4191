"""What ``restore`` was asked to do with every photo, checked before the first one is touched."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from gdp_desktop.commands.parser import LARGEST_SEED
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.mask import Mask, load_mask
from gdp_desktop.methods import method_named
from gdp_desktop.restoration.job import Recipe, Report
from gdp_desktop.restoration.prepare import checked_steps
from gdp_desktop.restoration.priors import devices_like, load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError


@dataclass(frozen=True)
class Request:
    """What to do with every photo."""

    recipe: Recipe
    mask: Mask | None
    overwrite: bool
    # What a report says of a photo that did not get through.
    blank: Report = field(repr=False)
    # What jobs at once are shared between.
    devices: Sequence[str]
    # Which of several results of the same photo, from 1.
    sample: int = 1
    memory_limit: int | None = None
    # How many are restored at once.
    jobs: int = 1

    def sampled(self, sample: int) -> Request:
        """The same request with the seed of another sample."""
        seed = (self.recipe.seed + sample - 1) % (LARGEST_SEED + 1)
        return replace(
            self, sample=sample, recipe=replace(self.recipe, seed=seed),
            blank=replace(self.blank, seed=seed),
        )

    def on(self, device: str) -> Request:
        """The same request on another device."""
        recipe = replace(self.recipe, device=device)
        return replace(self, recipe=recipe, blank=replace(self.blank, device=device))

    def among(self, jobs: int) -> Request:
        """The same request for each of so many jobs at once."""
        limit = self.memory_limit
        return replace(
            self, memory_limit=None if limit is None else limit // jobs, jobs=jobs
        )

    def failed(self, source: Path, sentence: str) -> Report:
        return replace(self.blank, input=str(source), status="failed", error=sentence)

    def cancelled(self, source: Path) -> Report:
        return replace(self.blank, input=str(source), status="cancelled", error="Cancelled.")


def request_from(options: argparse.Namespace) -> Request:
    """Raises TaskError, CheckpointError, PhotoError or BadUsage for what no photo could change."""
    task = task_named(options.task)
    values = task.values(dict(options.params))
    method = method_named(options.method or task.default_method)
    method_values = method.values(dict(options.method_params))
    steps = checked_steps(task, method, options.steps)
    mask = usable_mask(options.mask) if options.mask else None
    if task.must_be_painted(values) and mask is None:
        raise TaskError(f'"{task.id}" needs a mask; give one with --mask MASK.png.')
    if mask is not None and task.scale(values) != 1 and not task.mask_is_unknown(values):
        raise TaskError(f'"{task.id}" changes the size of the photo; leave --mask out.')
    devices = devices_like(options.device or "auto")
    recipe = Recipe(
        task.id, MappingProxyType(values), method.id, MappingProxyType(method_values), steps,
        options.seed, options.prior, devices[0], options.amount,
    )
    loaded = load_prior(recipe.prior, recipe.device)
    blank = Report(
        input="", output=None, status="failed", task=task.id, method=method.id, prior=loaded.name,
        prior_sha256=loaded.sha256, device=loaded.device, steps=steps, seed=options.seed,
        amount=recipe.amount,
    )
    limit = options.memory_limit
    in_bytes = None if limit is None else round(limit * 1e9)
    return Request(recipe, mask, options.overwrite, blank, devices, memory_limit=in_bytes)


def usable_mask(path: Path) -> Mask:
    mask = load_mask(path)
    if mask.is_empty:
        raise PhotoError(
            f"The mask {shown(path)} is black all over; paint white what is to be restored."
        )
    return mask
