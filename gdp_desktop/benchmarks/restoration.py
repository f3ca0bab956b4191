"""Every kind of damage, restored by the program's own engine and by methods without a prior."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from gdp_desktop.benchmarks import markdown, metrics
from gdp_desktop.benchmarks.cases import CASES, Case, Damaged
from gdp_desktop.benchmarks.photos import (
    as_photo,
    fingerprint,
    generator_for,
    judging_photos,
    middle_crop,
)
from gdp_desktop.benchmarks.plan import (
    BenchmarkError,
    Cell,
    Figures,
    LeftOut,
    Plan,
    Request,
    Row,
)
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.method import Assignment, result_of
from gdp_desktop.methods.noise_first import solver_for
from gdp_desktop.restoration.job import MAX_STEPS
from gdp_desktop.restoration.prepare import checked_steps
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Problem, Task

DEFAULT = "default"
# The row that says how sharp and how noisy the clean crops are.
CLEAN = "clean"
# What every case calls the photo as it is given.
INPUT = "input"
FIGURES = (
    "psnr", "ssim", "grey", "consistency", "loe", "sharpness", "noise", "evaluations", "seconds",
)
DIGITS = {"psnr": 2, "ssim": 3, "grey": 2, "consistency": 2, "loe": 0, "sharpness": 0, "noise": 2,
          "evaluations": 0, "seconds": 2}


@dataclass(frozen=True)
class Way:
    """A method of the program; ``steps`` None takes the default of method and task."""

    method: str
    steps: int | None


def plan(request: Request) -> Plan:
    photos = judging_photos(request.photos)
    chosen = photos[: request.count]
    loaded = load_prior(request.prior, request.device)
    tasks = request.chosen("tasks", tuple(CASES))
    crops = Crops(request.crop, request.seed)
    cells = [
        cell
        for path in chosen
        for task in tasks
        for cell in cells_of(crops, path, task, ways_of(request, CASES[task]), loaded)
    ]
    return Plan(
        key=("photo", "task", "method", "steps"),
        figures=FIGURES,
        cells=cells,
        settings={
            "photos": f"held-out split of {fingerprint(photos)}",
            "crop": f"middle {request.crop}×{request.crop}",
            "seed": str(request.seed),
        },
        prior_name=loaded.name,
        prior_sha256=loaded.sha256,
        device=loaded.device,
        summary=summary,
    )


def ways_of(request: Request, case: Case) -> list[Way]:
    """Raises BenchmarkError for unknown methods and impossible steps."""
    task = task_named(case.task)
    methods: tuple[str, ...] = (task.default_method,)
    if request.lists.get("methods"):
        methods = request.chosen("methods", tuple(METHODS))
    return [Way(method, steps) for method in methods for steps in steps_of(request)]


def steps_of(request: Request) -> tuple[int | None, ...]:
    given = tuple(dict.fromkeys(request.lists.get("steps", ()))) or (DEFAULT,)
    for text in given:
        number = text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_STEPS
        if not number and text != DEFAULT:
            raise BenchmarkError(
                f'--steps cannot be "{",".join(given)}"; give whole numbers from 1 to {MAX_STEPS}, '
                f'or "{DEFAULT}" for those of each method.'
            )
    return tuple(None if text == DEFAULT else int(text) for text in given)


@dataclass(frozen=True)
class Crops:
    """The clean crops and the damage done to them: the same for every method."""

    side: int
    seed: int

    def clean(self, path: Path) -> np.ndarray:
        return middle_crop(path, self.side)

    def damaged(self, path: Path, task: str) -> Damaged:
        return CASES[task].damaged(self.clean(path), generator_for(self.seed, path.name, task))


def cells_of(
    crops: Crops, path: Path, task: str, ways: Sequence[Way], loaded: LoadedPrior
) -> Iterator[Cell]:
    for name in (CLEAN, *CASES[task].trivial):
        yield Cell(
            (path.name, task, name, ""), partial(without_prior, crops, path, task, name)
        )
    for way in ways:
        steps = DEFAULT if way.steps is None else str(way.steps)
        yield Cell(
            (path.name, task, way.method, steps),
            partial(with_prior, crops, path, task, way, loaded), uses_prior=True,
        )


def without_prior(crops: Crops, path: Path, task: str, name: str) -> Figures:
    clean = crops.clean(path)
    if name == CLEAN:
        return {
            "sharpness": metrics.laplacian_variance(clean),
            "noise": metrics.estimated_noise(clean),
        }
    damaged = crops.damaged(path, task)
    started = time.perf_counter()
    result = damaged.trivial[name]()
    seconds = time.perf_counter() - started
    # A photo ends at black and white, whoever made it; what is given does not.
    result = result if name == INPUT else result.clip(0, 1)
    figures = judged(result, clean, damaged, CASES[task])
    if damaged.told:  # else the problem's degradation is a guess of the task's
        figures["consistency"] = metrics.consistency(result, damaged.problem)
    return {**figures, "seconds": seconds}


def with_prior(
    crops: Crops, path: Path, task: str, way: Way, loaded: LoadedPrior
) -> Figures:
    clean, damaged = crops.clean(path), crops.damaged(path, task)
    started = time.perf_counter()
    if refusal := method_named(way.method).refusal(damaged.problem):
        raise LeftOut(f"{way.method} of {task}: {refusal}")
    x0, evaluations = solved(
        damaged.problem, task_named(CASES[task].task), way, clean.shape, loaded, crops.seed
    )
    seconds = time.perf_counter() - started
    figures = judged(damaged.seen(x0), clean, damaged, CASES[task])
    figures["consistency"] = metrics.consistency(
        as_photo(x0).clip(0, 1), damaged.problem
    )
    return {**figures, "evaluations": evaluations, "seconds": seconds}


def solved(
    problem: Problem, task: Task, way: Way, shape: tuple[int, ...], loaded: LoadedPrior, seed: int
) -> tuple[torch.Tensor, int]:
    """The engine's answer (1, 3, H, W) and how many network evaluations it took.

    Given steps hold for every pyramid level, so that methods are compared at equal effort; the
    default ones are what the program does.
    """
    method = method_named(way.method)
    if way.steps is not None:
        problem = replace(problem, coarse_steps=None)
    size = Size(shape[1], shape[0])
    solver = solver_for(method, Assignment(
        problem, loaded.prior, size, checked_steps(task, method, way.steps),
        task.coarse_side_for(size), 1, method.values({}),
    ))
    evaluations: list[None] = []
    x0 = result_of(solver, seed, lambda: evaluations.append(None))
    return x0, len(evaluations)


def judged(
    result: np.ndarray, clean: np.ndarray, damaged: Damaged, case: Case
) -> dict[str, float | None]:
    return {
        "psnr": metrics.psnr(result, clean),
        "ssim": metrics.ssim(result, clean),
        "grey": metrics.psnr_of_grey(result, clean) if case.judges_grey else None,
        "loe": metrics.lightness_order_error(result, damaged.y) if case.judges_light else None,
        "sharpness": metrics.laplacian_variance(result),
        "noise": metrics.estimated_noise(result),
    }


Line = tuple[str, str, str]  # task, method, steps


def summary(rows: Sequence[Row]) -> str:
    """What was done to the photos, and the means over them, one line per task, method and steps.

    Slow methods may have been measured on fewer photos than others: then all that have these are
    compared on them once more.
    """
    lines: dict[Line, dict[str, Row]] = {}
    for row in sorted((row for row in rows if row["task"] in CASES), key=_place):
        line = row["task"], row["method"], row["steps"]
        lines.setdefault(line, {})[row["photo"]] = row
    tasks = dict.fromkeys(task for task, _, _ in lines)
    parts = [
        "\n".join(f"- task {task}: {CASES[task].help}" for task in tasks),
        "Means over the photos.", _table(lines),
    ]
    for photos, tasks_on_them in fewer_photos(lines).items():
        parts += [f"The same on {len(photos)} of the photos, where a line above has only these.",
                  _table(on_these(lines, photos, tasks_on_them))]
    return "\n\n".join(parts)


def _place(row: Row) -> tuple[int, ...]:
    """Where a row stands: tasks as in CASES, of each the answers without a prior first."""
    methods = (CLEAN, *CASES[row["task"]].trivial, *METHODS)
    # A table may hold methods that are no more.
    method = methods.index(row["method"]) if row["method"] in methods else len(methods)
    steps = int(row["steps"]) if row["steps"].isdigit() else 0
    return list(CASES).index(row["task"]), method, steps


def fewer_photos(
    lines: Mapping[Line, Mapping[str, Row]]
) -> dict[frozenset[str], set[str]]:
    """The sets of photos that some line has and another line of its task exceeds, largest first,
    and the tasks in which this is so."""
    sets: dict[frozenset[str], set[str]] = {}
    for (task, _, _), its in lines.items():
        if any(other == task and len(more) > len(its) for (other, _, _), more in lines.items()):
            sets.setdefault(frozenset(its), set()).add(task)
    return dict(sorted(sets.items(), key=lambda entry: (-len(entry[0]), sorted(entry[0]))))


def on_these(
    lines: Mapping[Line, Mapping[str, Row]], photos: frozenset[str], tasks: set[str]
) -> dict[Line, dict[str, Row]]:
    """The lines of these tasks that have all these photos, and of them only these."""
    return {
        line: {photo: its[photo] for photo in sorted(photos)}
        for line, its in lines.items() if line[0] in tasks and photos <= its.keys()
    }


def _table(lines: Mapping[Line, Mapping[str, Row]]) -> str:
    return markdown.table(["task", "method", "steps", "photos", *FIGURES], [
        [*line, str(len(its)),
         *(markdown.mean(list(its.values()), name, DIGITS[name]) for name in FIGURES)]
        for line, its in lines.items()
    ], texts=3)
