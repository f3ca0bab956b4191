"""What each shortcut of the default method costs in quality: the same with it and without."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gdp_desktop.benchmarks import markdown, metrics
from gdp_desktop.benchmarks.cases import CASES
from gdp_desktop.benchmarks.photos import as_photo, fingerprint, judging_photos
from gdp_desktop.benchmarks.plan import Cell, Figures, LeftOut, Plan, Request, Row
from gdp_desktop.benchmarks.restoration import Crops
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import method_named
from gdp_desktop.methods.method import Assignment, result_of
from gdp_desktop.methods.noise_first import solver_for
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.tasks import task_named

METHOD = "adaptive"
AS_IT_IS = "as it is"
# A quarter of the usual area, so that crops of half a photo's side have as many seams as it.
WINDOW = 256
MANY_COARSE_STEPS = 50
TASKS = ("low-light", "noise-25", "inpainting-25", "sr4-mean")
FIGURES = ("psnr", "ssim", "consistency", "evaluations", "seconds")
DIGITS = {"psnr": 3, "ssim": 4, "consistency": 2, "evaluations": 0, "seconds": 2}

Without = Callable[[Assignment], Assignment]


@dataclass(frozen=True)
class Shortcut:
    """``without`` gives the same assignment with the long way round."""

    help: str
    without: Without


def with_prior(given: Assignment, **changes: int) -> Assignment:
    prior: Any = given.prior
    return replace(given, prior=replace(prior, **changes))


def at_one_size(given: Assignment) -> Assignment:
    if given.coarse_side is None:
        raise LeftOut("Tasks without a pyramid have no coarse levels to leave out.")
    return replace(given, coarse_side=None)


def with_more_coarse_steps(given: Assignment) -> Assignment:
    return replace(given, problem=replace(given.problem, coarse_steps=MANY_COARSE_STEPS))


SHORTCUTS: Mapping[str, Shortcut] = {
    "windows": Shortcut(
        "the whole crop in one window, and no seams",
        # Up to half a window there is one lane.
        lambda given: with_prior(given, window=2 * max(given.size.width, given.size.height)),
    ),
    "narrow halos": Shortcut(
        "windows that see twice as far beyond their edges",
        lambda given: with_prior(given, halo=2 * given.prior.halo),
    ),
    "few steps": Shortcut(
        "twice as many steps at the finer sizes",
        lambda given: replace(given, steps=2 * given.steps),
    ),
    "few coarse steps": Shortcut(
        f"{MANY_COARSE_STEPS} steps at the smallest size", with_more_coarse_steps,
    ),
    "coarse to fine": Shortcut("everything at full size", at_one_size),
}


def plan(request: Request) -> Plan:
    photos = judging_photos(request.photos)
    loaded = load_prior(request.prior, request.device)
    crops = Crops(request.crop, request.seed)
    cells = [
        Cell(
            (path.name, task, name), partial(measured, crops, path, task, name, loaded),
            uses_prior=True,
        )
        for path in photos[: request.count]
        for task in request.chosen("tasks", TASKS)
        for name in (AS_IT_IS, *SHORTCUTS)
    ]
    return Plan(
        key=("photo", "task", "without"), figures=FIGURES, cells=cells,
        settings={
            "photos": f"held-out split of {fingerprint(photos)}",
            "crop": f"middle {request.crop}×{request.crop}, windows of {WINDOW}×{WINDOW}",
            "method": METHOD, "seed": str(request.seed),
        },
        prior_name=loaded.name, prior_sha256=loaded.sha256, device=loaded.device, summary=summary,
    )


def measured(crops: Crops, path: Path, case: str, name: str, loaded: LoadedPrior) -> Figures:
    """Raises LeftOut where the task does not take the shortcut."""
    clean, damaged = crops.clean(path), crops.damaged(path, case)
    task, method = task_named(CASES[case].task), method_named(METHOD)
    size = Size(clean.shape[1], clean.shape[0])
    usual = with_prior(Assignment(
        damaged.problem, loaded.prior, size, task.default_steps, task.coarse_side_for(size),
        values=method.values({}),
    ), window=WINDOW)
    given = usual if name == AS_IT_IS else SHORTCUTS[name].without(usual)
    started, evaluations = time.perf_counter(), list[None]()
    x0 = result_of(solver_for(method, given), crops.seed, lambda: evaluations.append(None))
    seconds = time.perf_counter() - started
    result = as_photo(x0).clip(0, 1)
    return {
        "psnr": metrics.psnr(result, clean), "ssim": metrics.ssim(result, clean),
        "consistency": metrics.consistency(result, damaged.problem),
        "evaluations": len(evaluations), "seconds": seconds,
    }


def summary(rows: Sequence[Row]) -> str:
    """Means over the photos, and what going without each shortcut would bring."""
    parts = [
        "\n".join(f"- without {name}: {one.help}" for name, one in SHORTCUTS.items()),
        "\n".join(f"- task {task}: {CASES[task].help}"
                  for task in dict.fromkeys(row["task"] for row in rows)),
    ]
    columns = ["task", "without", "photos", *FIGURES, "gain in dB"]
    lines = []
    for task in TASKS:
        usual = _rows_of(rows, task, AS_IT_IS)
        for name in (AS_IT_IS, *SHORTCUTS):
            if not (found := _rows_of(rows, task, name)):
                continue
            figures = [
                markdown.mean(list(found.values()), figure, DIGITS[figure]) for figure in FIGURES
            ]
            lines.append([task, name, str(len(found)), *figures, gain(found, usual)])
    return "\n\n".join([*parts, markdown.table(columns, lines, texts=2)])


def _rows_of(rows: Sequence[Row], task: str, name: str) -> dict[str, Row]:
    """By photo."""
    return {row["photo"]: row for row in rows if (row["task"], row["without"]) == (task, name)}


def gain(found: Mapping[str, Row], usual: Mapping[str, Row]) -> str:
    """Mean difference of PSNR over the photos that both have, with its sign."""
    both = found.keys() & usual.keys()
    if not both or found == usual:
        return ""
    total = sum(float(found[photo]["psnr"]) - float(usual[photo]["psnr"]) for photo in both)
    return f"{total / len(both):+.3f}"
