"""The program's default beside the algorithms as published: same prior, photo, damage, machine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch

from gdp_desktop.benchmarks import deepinv_samplers, markdown, metrics
from gdp_desktop.benchmarks.cases import CASES, Damaged, posed
from gdp_desktop.benchmarks.gdp_released import ReleasedGDP
from gdp_desktop.benchmarks.photos import (
    MULTIPLE,
    as_photo,
    fingerprint,
    generator_for,
    judging_photos,
)
from gdp_desktop.benchmarks.pictures import Picture, pictures_of
from gdp_desktop.benchmarks.plan import (
    BenchmarkError,
    Cell,
    Figures,
    LeftOut,
    Plan,
    Request,
    Row,
)
from gdp_desktop.benchmarks.stopwatch import Enough, Stopwatch
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.gdp import PUBLISHED_STEPS
from gdp_desktop.methods.levels import level_count
from gdp_desktop.methods.method import Assignment, Solver
from gdp_desktop.methods.noise_first import solver_for
from gdp_desktop.restoration.memory import free_bytes
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.task import Problem

DEFAULT, RELEASED = "default", "gdp-x0"
METHODS = (DEFAULT, RELEASED, *deepinv_samplers.SAMPLERS)
LOW_LIGHT = "low-light"
# What deepinv's samplers need: D linear and known.
LINEAR = ("sr4-mean", "inpainting-25", "deblurring")
TASKS = (*LINEAR, LOW_LIGHT)
SIZES = (Size(600, 400), Size(1900, 1060))
ALL = "all"
# Bytes that the way back through the shipped network keeps for each pixel, measured.
BACKWARDS_PER_PIXEL = 2700
FIGURES = ("psnr", "ssim", "consistency", "evaluations", "megapixels", "seconds", "extrapolated")
DIGITS = {"psnr": 2, "ssim": 3, "consistency": 2, "evaluations": 0, "megapixels": 1}


def plan(request: Request) -> Plan:
    photos = judging_photos(request.photos)
    loaded = load_prior(request.prior, request.device)
    tasks, methods = request.chosen("tasks", TASKS), request.chosen("methods", METHODS)
    pictures = [
        (picture, first)
        for size, first in zip(sizes_of(request), firsts_of(request), strict=True)
        for picture in pictures_of(photos, fitting(size, loaded, request.crop), request.count)
    ]
    cells = [
        cell
        for picture, first in pictures
        for task in tasks
        for cell in cells_of(Contest(picture, task, request.seed, loaded), methods, first)
    ]
    return Plan(
        key=("photo", "size", "task", "method", "steps"),
        figures=FIGURES,
        cells=cells,
        settings={
            "photos": f"held-out split of {fingerprint(photos)}", "seed": str(request.seed),
        },
        prior_name=loaded.name,
        prior_sha256=loaded.sha256,
        device=loaded.device,
        summary=summary,
        notes={
            "pictures": "the middle of a photo; where none is as large, of one enlarged to the "
                        "size, which is timed and not judged",
            f"method {DEFAULT}": "the task's own method and steps",
            f"method {RELEASED}": "GDP on x̃0 with its published scale, windows of 256×256 every "
                                  "128 pixels, one after the other",
            "methods deepinv": "that library's DiffPIR with its defaults, its DPS with annealed "
                               "guidance; same network, same D, the photo as one window; linear "
                               "damage only",
            "megapixels": "sent through the network, all evaluations together",
            "extrapolated": "the seconds of all steps, told from those of the first few",
        } | {f"task {task}": CASES[task].help for task in tasks},
    )


def sizes_of(request: Request) -> tuple[Size, ...]:
    given = request.lists.get("sizes", ())
    sizes = tuple(_size(text) for text in given) or SIZES
    if any(size is None for size in sizes):
        raise BenchmarkError(
            f'--sizes cannot be "{",".join(given)}"; give WIDTHxHEIGHT, as 600x400.'
        )
    return tuple(size for size in sizes if size is not None)


def _size(text: str) -> Size | None:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(s.isascii() and s.isdigit() and int(s) for s in sides):
        return None
    return Size(int(sides[0]), int(sides[1]))


def firsts_of(request: Request) -> tuple[int | None, ...]:
    """For each size, how many first steps are measured; None: all."""
    given, sizes = request.lists.get("steps", (ALL,)), sizes_of(request)
    good = all(n == ALL or (n.isascii() and n.isdigit() and int(n) >= 2) for n in given)
    if not good or len(given) not in (1, len(sizes)):
        raise BenchmarkError(
            f'--steps cannot be "{",".join(given)}"; give a number from 2 up or "{ALL}", one for '
            f"all sizes or one for each of the {len(sizes)}."
        )
    firsts = tuple(None if n == ALL else int(n) for n in given)
    return firsts * len(sizes) if len(firsts) == 1 else firsts


def fitting(size: Size, loaded: LoadedPrior, longest: int) -> Size:
    """The size, no side longer than ``longest``, rounded up to what every level of a pyramid and
    every network can do; for the published sizes GDP's number of windows stays what it is."""
    size = Size(min(size.width, longest), min(size.height, longest))
    tasks = [task_named(CASES[name].task) for name in TASKS]
    coarsest = max(level_count(size, task.coarse_side_for(size)) for task in tasks)
    multiple = math.lcm(MULTIPLE, loaded.prior.stride << (coarsest - 1))
    return Size(*(-(-side // multiple) * multiple for side in (size.width, size.height)))


@dataclass(frozen=True)
class Contest:
    """One damaged picture, the same for every method."""

    picture: Picture
    case: str
    seed: int
    loaded: LoadedPrior

    @property
    def size(self) -> Size:
        return self.picture.size

    def damaged(self) -> Damaged:
        generator = generator_for(self.seed, self.picture.path.name, self.case)
        return CASES[self.case].damaged(self.picture.clean(), generator)

    def assignment(self, problem: Problem, method: str, steps: int) -> Assignment:
        coarse_side = task_named(CASES[self.case].task).coarse_side_for(self.size)
        return Assignment(
            problem, self.loaded.prior, self.size, steps, coarse_side, 1,
            method_named(method).values({}),
        )


@dataclass(frozen=True)
class Answer:
    """x0 (1, 3, H, W), None if the method was stopped, and what all of it costs; ``problem`` is the
    one that was solved."""

    x0: torch.Tensor | None
    problem: Problem
    evaluations: int
    pixels: int
    seconds: float


def cells_of(contest: Contest, methods: Sequence[str], first: int | None) -> Iterator[Cell]:
    size = contest.size
    for method in methods:
        if method in deepinv_samplers.SAMPLERS and contest.case not in LINEAR:
            continue
        total = steps_of(method)
        part = first if total and first and first < total else None
        steps = DEFAULT if total is None else f"{part} of {total}" if part else str(total)
        yield Cell(
            (contest.picture.path.name, f"{size.width}×{size.height}", contest.case, method, steps),
            partial(measured, contest, method, part), uses_prior=True,
        )


def steps_of(method: str) -> int | None:
    """None: as many as the task has."""
    if method == DEFAULT:
        return None
    sampler = deepinv_samplers.SAMPLERS.get(method)
    return sampler.steps if sampler else PUBLISHED_STEPS


def measured(contest: Contest, method: str, first: int | None) -> Figures:
    damaged = contest.damaged()
    warm(contest.loaded)
    answer = answer_of(contest, damaged, method, first)
    figures: dict[str, float | None] = {
        "evaluations": answer.evaluations, "megapixels": answer.pixels / 1e6,
        "extrapolated" if first else "seconds": answer.seconds,
    }
    if answer.x0 is not None and not contest.picture.enlarged:
        result, clean = as_photo(answer.x0).clip(0, 1), contest.picture.clean()
        figures["psnr"], figures["ssim"] = metrics.psnr(result, clean), metrics.ssim(result, clean)
        figures["consistency"] = metrics.consistency(result, answer.problem)
    return figures


@cache
def warm(loaded: LoadedPrior) -> None:
    """What is set up by the first evaluation is nobody's time."""
    prior = loaded.prior
    prior(torch.zeros(1, 3, prior.stride, prior.stride), 0)


def answer_of(contest: Contest, damaged: Damaged, method: str, first: int | None) -> Answer:
    if method == DEFAULT:
        task = task_named(CASES[contest.case].task)
        chosen = method_named(task.default_method)
        steps = chosen.default_steps or task.default_steps
        watch = Stopwatch()
        given = contest.assignment(damaged.problem, chosen.id, steps)
        return solved(solver_for(chosen, given), contest, given.problem, watch, 1)
    if method == RELEASED:
        problem = problem_of_gdp(contest, damaged)
        watch = Stopwatch(first)
        given = contest.assignment(problem, RELEASED, PUBLISHED_STEPS)
        return solved(ReleasedGDP(given), contest, problem, watch, PUBLISHED_STEPS)
    return answer_of_deepinv(contest, damaged.problem, method, first)


def problem_of_gdp(contest: Contest, damaged: Damaged) -> Problem:
    """The same y; for low light D is the published one."""
    if contest.case == LOW_LIGHT:
        return posed(LOW_LIGHT, damaged.y, {"light": "gdp"})
    return damaged.problem


def solved(
    solver: Solver, contest: Contest, problem: Problem, watch: Stopwatch, steps: int
) -> Answer:
    generator = torch.Generator().manual_seed(contest.seed)
    x0: torch.Tensor | None = None
    try:
        watch.step_begins()
        for estimate in solver.solve(generator, lambda: None):
            x0 = estimate.x0
            watch.step_begins()
    except Enough:
        x0 = None
    seconds = watch.seconds(steps)
    return Answer(x0, problem, solver.total_windows, solver.total_pixels, seconds)


def answer_of_deepinv(
    contest: Contest, problem: Problem, method: str, first: int | None
) -> Answer:
    sampler, deepinv = deepinv_samplers.SAMPLERS[method], deepinv_samplers.library()
    pixels = contest.size.pixels
    free = free_bytes()
    if sampler.differentiates and free and BACKWARDS_PER_PIXEL * pixels > 0.8 * free:
        raise LeftOut(f"{method} of {pixels / 1e6:.1f} megapixels does not fit into the memory.")
    watch = Stopwatch(first)
    denoiser = deepinv_samplers.denoiser_of(contest.loaded.prior, watch.step_begins)
    x0: torch.Tensor | None = None
    try:
        x0 = sampler.run(problem, denoiser, contest.seed, deepinv)
    except Enough:
        pass
    seconds = watch.seconds(sampler.steps)
    return Answer(x0, problem, sampler.steps, sampler.steps * pixels, seconds)


def summary(rows: Sequence[Row]) -> str:
    """Means over the photos: one table for each size, one line per task, method and steps."""
    sizes = dict.fromkeys(row["size"] for row in rows)
    return "Means over the photos.\n\n" + "\n\n".join(
        f"## {size}\n\n{table([row for row in rows if row['size'] == size])}" for size in sizes
    )


def table(rows: Sequence[Row]) -> str:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: TASKS.index(row["task"])):
        groups.setdefault((row["task"], row["method"], row["steps"]), []).append(row)
    defaults = {
        (row["photo"], row["task"], row["machine"]): float(row["seconds"])
        for row in rows if row["method"] == DEFAULT
    }
    lines = [
        [
            *key, str(len(its)), *(markdown.mean(its, name, DIGITS[name]) for name in DIGITS),
            *times(its, defaults),
        ]
        for key, its in groups.items()
    ]
    columns = ["task", "method", "steps", "photos", *DIGITS, "seconds", "× the default"]
    return markdown.table(columns, lines, texts=3)


def times(rows: Sequence[Row], defaults: Mapping[tuple[str, str, str], float]) -> tuple[str, str]:
    """Mean seconds, and the mean of how many times as long as the default it was on the same
    photo and machine."""
    seconds = [float(row["seconds"] or row["extrapolated"]) for row in rows]
    ratios = [
        took / defaults[of]
        for row, took in zip(rows, seconds, strict=True)
        if (of := (row["photo"], row["task"], row["machine"])) in defaults
    ]
    note = "" if all(row["seconds"] for row in rows) else " (extrapolated)"
    mean = f"{math.fsum(seconds) / len(seconds):.1f}{note}"
    return mean, f"{math.fsum(ratios) / len(ratios):.1f}{note}" if ratios else "–"
