"""How fast restoring is, and how much memory it takes, beside what the machine could do."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from gdp_desktop.benchmarks import markdown
from gdp_desktop.benchmarks.plan import (
    Cell,
    Figures,
    LeftOut,
    Plan,
    Request,
    Row,
)
from gdp_desktop.benchmarks.whole_jobs import (
    MIB,
    Restored,
    in_a_process,
    made_photo,
    size_of,
    sizes_of,
)
from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.at_once import cores
from gdp_desktop.diffusion.lanes import for_any_size, tiling_of
from gdp_desktop.diffusion.prior import EpsPrior, Prior
from gdp_desktop.diffusion.recorded import recording_if
from gdp_desktop.image.chart import Line, drawn
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.priors.records import Speed
from gdp_desktop.restoration.cost import cost
from gdp_desktop.restoration.job import Job, Recipe
from gdp_desktop.restoration.prepare import prepare
from gdp_desktop.restoration.priors import LoadedPrior, load_prior
from gdp_desktop.restoration.timing import evaluation_seconds, seconds_of

SIZES = (0.25, 1, 3, 6, 12, 24)  # megapixels
STEPS = (1, 2, 4, 8)
STEPS_AT = 1.0
MANY, MANY_SIZE = 64, 0.25
# Evaluations one after the other, of as many rows as a job sees at once.
ROW_GROUPS = 4
ADM_PHOTO, ADM_STEPS = 24.0, (25, 50)
TASK = "low-light"
# At full size a dark photo's noise is below this: lanes have their narrow halos.
FULL_SIZE_SIGMA = 0.1
MATRIX_SIDES = (256, 512, 1024, 2048, 4096, 8192)
FIGURES = (
    "megapixels", "seconds", "peak_mib", "evaluations", "network_seconds", "overhead",
    "window_seconds", "estimated_seconds", "estimated_mib", "gflops",
)


def plan(request: Request) -> Plan:
    loaded = load_prior(request.prior, request.device)
    measured = Measurements(request, loaded)
    cells = [
        Cell(("matrix product", "float32", ""), partial(matrices, torch.float32, loaded.device)),
        Cell(("matrix product", "bfloat16", ""), partial(matrices, torch.bfloat16, loaded.device)),
        Cell(("evaluation", "prior", ""), measured.evaluation, uses_prior=True),
        *(
            Cell(
                ("evaluation", f"prior, one window, {name}", ""),
                partial(measured.window, recorded), uses_prior=True,
            )
            for name, recorded in (("recorded", True), ("operation by operation", False))
        ),
        Cell(("evaluation", "ADM-256", ""), partial(adm_evaluation, loaded.device)),
        *(
            Cell(
                ("reckoned", f"ADM-256, {ADM_PHOTO:g} MP", str(steps)),
                partial(adm_photo, loaded.device, steps),
            )
            for steps in ADM_STEPS
        ),
        *(
            Cell(("photo", f"{size:g} MP", ""), partial(measured.photo, size), uses_prior=True)
            for size in sizes_of(request, SIZES)
        ),
        *(
            Cell(
                ("steps", f"{STEPS_AT:g} MP", str(steps)),
                partial(measured.photo, STEPS_AT, steps), uses_prior=True,
            )
            for steps in STEPS
        ),
        *(
            Cell(
                ("many photos", f"{MANY} × {MANY_SIZE:g} MP, {jobs} at once", ""),
                partial(measured.many, jobs), uses_prior=True,
            )
            for jobs in jobs_on(loaded.device)
        ),
    ]
    return Plan(
        key=("what", "case", "steps"), figures=FIGURES, cells=cells,
        settings={"task": f"{TASK}, default settings", "seed": str(request.seed)},
        prior_name=loaded.name, prior_sha256=loaded.sha256, device=loaded.device,
        summary=partial(summary, request.out),
        notes={
            "photos": "made: a smooth dark picture with noise, JPEG of quality 95",
            "seconds": "of a photo: from reading it to having saved it; of many: of all of them, "
                       "without the start of the program; of an evaluation or a product: the best "
                       "of several; reckoned: those of one evaluation times the windows of all "
                       "steps, nothing ran as long",
            "peak_mib": "the most that a process of its own held in main memory; of many photos, "
                        "without the processes that help it",
            "overhead": "seconds ÷ the time that the same pixels take in evaluations alone, of the "
                        "shape that they have at full size, by the middle one of several right "
                        "before the photo and right after it",
            "of windows": "the same beside evaluations of windows",
        },
    )


def jobs_on(device: str) -> tuple[int, ...]:
    """How many photos are restored at once: one, and one for each core of a processor."""
    return tuple(sorted({1, cores()})) if device == "cpu" else (1,)


class Measurements:
    """What needs the prior; its speed is measured once, before the first photo."""

    def __init__(self, request: Request, loaded: LoadedPrior) -> None:
        self._request, self._loaded = request, loaded
        self._speed: Speed | None = None

    @property
    def speed(self) -> Speed:
        if self._speed is None:
            self._speed = Speed(
                statistics.median(self._timed()), self._loaded.prior.window, self._loaded.device,
                self._loaded.precision,
            )
        return self._speed

    def _timed(self) -> list[float]:
        """Seconds of one evaluation, several times."""
        return evaluation_seconds(self._loaded.prior, self._loaded.device)

    def _beside_the_network(
        self, pixels: int, work: Callable[[], Restored], size: Size, batch: int
    ) -> tuple[Restored, dict[str, float | None]]:
        """What ``work`` gives, and the seconds that the network takes for so many pixels at the
        time: other programs and the clock of the cores change them by a tenth and more."""
        prior = self._loaded.prior

        def timed() -> tuple[list[float], list[float]]:
            return self._timed(), seconds_of_walks(
                prior, self._loaded.device, size, batch
            )

        before, restored, after = timed(), work(), timed()
        window, seen = (statistics.median(a + b) for a, b in zip(before, after, strict=True))
        return restored, {
            "network_seconds": seen * pixels, "window_seconds": window * pixels / prior.window**2,
        }

    def evaluation(self) -> Figures:
        side = self._loaded.prior.window
        return _of_evaluation(min(self._timed()), side, flops(self._loaded.prior, side))

    def window(self, recorded: bool) -> Figures:
        """One window alone, as a small photo is seen."""
        prior = self._loaded.prior
        if self._loaded.device == "cpu":
            raise LeftOut("Recorded evaluations are for graphics cards only.")
        side, i = prior.window, len(prior.schedule) // 10
        x_t = torch.randn(1, 3, side, side).to(self._loaded.device)
        with recording_if(recorded):
            seconds = min(seconds_of(lambda: prior(x_t, i).x0[0, 0, 0, 0].item()))
        return _of_evaluation(seconds, side, flops(prior, side))

    def photo(self, megapixels: float, steps: int | None = None) -> Figures:
        """One job in a process of its own, and what was expected of it."""
        with tempfile.TemporaryDirectory() as folder:
            file = made_photo(Path(folder), megapixels, self._request.seed)
            recipe = Recipe(
                TASK, steps=steps, seed=self._request.seed, prior=self._request.prior,
                device=self._loaded.device,
            )
            try:
                ready = prepare(Job(file, recipe))
            except PhotoError as error:  # more than this machine's memory holds
                raise LeftOut(str(error)) from error
            expected, pixels = cost(ready, self.speed), ready.solver.total_pixels
            size, batch = ready.size, ready.room.window_batch
            del ready
            (report, peak, _), network = self._beside_the_network(
                pixels, lambda: in_a_process([file], recipe), size, batch
            )
        return network | {
            "megapixels": megapixels,
            "seconds": report[0]["seconds"],
            "peak_mib": peak,
            "evaluations": report[0]["evaluations"],
            "overhead": overhead(report[0]["seconds"], network["network_seconds"]),
            "estimated_seconds": expected.seconds,
            "estimated_mib": expected.bytes / MIB,
        }

    def many(self, jobs: int) -> Figures:
        """Small photos by one command, so many at once; the seconds are of all, from reading the
        prior on."""
        recipe = Recipe(
            TASK, seed=self._request.seed, prior=self._request.prior, device=self._loaded.device
        )
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(self._request.seed, self._request.seed + MANY)
            files = [made_photo(Path(folder), MANY_SIZE, seed) for seed in seeds]
            # All are of one size, and only one problem is held at a time.
            ready = prepare(Job(files[0], recipe))
            size, batch = ready.size, ready.room.window_batch
            del ready
            pixels = sum(prepare(Job(file, recipe)).solver.total_pixels for file in files)
            (reports, peak, seconds), network = self._beside_the_network(
                pixels, lambda: in_a_process(files, recipe, "--jobs", str(jobs)),
                size, batch,
            )
        return network | {
            "megapixels": MANY * MANY_SIZE, "seconds": seconds, "peak_mib": peak,
            "evaluations": sum(report["evaluations"] for report in reports),
            "overhead": overhead(seconds, network["network_seconds"]),
        }


def seconds_of_walks(prior: Prior, device: str, size: Size, batch: int) -> list[float]:
    """Seconds for every pixel that the prior sees where a photo of this size is sent through it in
    the shape that a job has at full size, and nothing else is done; of several times."""
    tiler = tiling_of(prior, FULL_SIZE_SIGMA, batch)
    tall = min(size.height, ROW_GROUPS * tiler.largest(size).height)
    few = Size(size.width, tall // prior.stride * prior.stride)
    tiled, i = for_any_size(prior, tiler, batch), len(prior.schedule) // 10
    x_t = torch.randn(1, 3, *few.shape, generator=torch.Generator().manual_seed(0))
    x_t = x_t.to(device)

    def walk() -> None:
        for strip in tiled.strips(x_t, i):
            strip.x0[0, 0, 0, 0].item()  # a graphics card is done when a value is known

    pixels = sum(window.size.pixels for window in tiler.windows(few))
    return [seconds / pixels for seconds in seconds_of(walk)]


def overhead(seconds: float, network: float | None) -> float | None:
    return seconds / network if network else None


def flops(prior: Prior, side: int) -> float:
    """Of the convolutions and matrix products of one window: 2 per multiplication."""
    # What follows from the noise level alone is found for the first window of all.
    prior(torch.zeros(1, 3, prior.stride, prior.stride), 0)
    with FlopCounterMode(display=False) as counter, recording_if(False):
        prior(torch.zeros(1, 3, side, side), 0)
    return float(counter.get_total_flops())


def _of_evaluation(seconds: float, side: int, operations: float) -> Figures:
    return {
        "megapixels": side * side / 1e6, "seconds": seconds, "evaluations": 1,
        "gflops": operations / seconds / 1e9,
    }


def adm_evaluation(device: str) -> Figures:
    """The network of Dhariwal & Nichol 2021 for 256×256 at its real size, weights random."""
    prior, seconds = adm_timed(device)
    return _of_evaluation(seconds, 256, flops(prior, 256))


def adm_photo(device: str, steps: int) -> Figures:
    """What so many steps over all windows of a large photo would take with that network."""
    return reckoned(*adm_timed(device), ADM_PHOTO, steps)


def reckoned(prior: Prior, seconds: float, megapixels: float, steps: int) -> Figures:
    evaluations = steps * len(tiling_of(prior).windows(size_of(megapixels)))
    return {
        "megapixels": megapixels, "seconds": seconds * evaluations, "evaluations": evaluations,
    }


@cache
def adm_timed(device: str) -> tuple[Prior, float]:
    """The prior, and the seconds of one of its evaluations."""
    if device == "cpu":
        raise LeftOut("ADM-256 is measured on graphics cards only.")
    config = ADMConfig(
        256, (256, 256, 512, 512, 1024, 1024), (False, False, False, True, True, True), 2
    )
    prior = EpsPrior(ADM(config), 256, "learned").on(device)
    return prior, min(evaluation_seconds(prior, device))


def matrices(dtype: torch.dtype, device: str) -> Figures:
    """The best rate of any square product; larger ones are left out once one takes a second."""
    rates = []
    for side in MATRIX_SIDES:
        a = torch.ones(side, side, dtype=dtype, device=device)
        seconds = min(seconds_of(lambda a=a: (a @ a)[0, 0].item()))  # type: ignore[misc]
        rates.append(2 * side**3 / seconds / 1e9)
        if seconds > 0.15:
            break
    return {"gflops": max(rates)}


def summary(out: Path, rows: Sequence[Row]) -> str:
    # A table that was gone on with has its rows in the order they were measured.
    ordered = sorted(rows, key=lambda row: (float(row["megapixels"] or 0), row["steps"]))
    by_kind = {kind: [row for row in ordered if row["what"] == kind] for kind in
               ("photo", "steps", "many photos")}
    parts = [rates(rows), photos_table([row for kind in by_kind.values() for row in kind])]
    parts += [
        f"{row['case']} at {row['steps']} steps, reckoned: {float(row['seconds']):.1f} s."
        for row in rows if row["what"] == "reckoned"
    ]
    parts += list(judgements(by_kind["photo"]))
    parts += list(rates_of_many(by_kind["photo"], by_kind["many photos"]))
    if len(by_kind["photo"]) > 1:
        lines = [
            Line(name, [(float(r["megapixels"]), float(r[figure])) for r in by_kind["photo"]
                        if r[figure]])
            for name, figure in (("seconds", "seconds"), ("peak memory, MiB", "peak_mib"))
        ]
        atomic_write(out / "speed.svg", drawn(lines, "megapixels").encode(), overwrite=True)
        parts.append("![Time and memory against size](speed.svg)")
    return "\n\n".join(parts)


def rates(rows: Sequence[Row]) -> str:
    of_matrices = [row for row in rows if row["what"] == "matrix product"]
    products = {row["case"]: float(row["gflops"]) for row in of_matrices}
    lines = [[f"{kind} product", "", f"{rate:.1f}", ""] for kind, rate in products.items()]
    most = max(products.values(), default=0.0)
    for row in rows:
        if row["what"] == "evaluation":
            rate = float(row["gflops"])
            share = f"{100 * rate / most:.0f} %" if most else "–"
            lines.append([
                f"{row['case']}, one evaluation", f"{float(row['seconds']):.3f}", f"{rate:.1f}",
                share,
            ])
    return markdown.table(["what", "seconds", "GFLOP/s", "of the best product"], lines)


def photos_table(rows: Sequence[Row]) -> str:
    columns = ["photo", "steps", "seconds", "peak MiB", "evaluations", "overhead", "of windows",
               "estimated s", "estimated MiB"]
    first = (("seconds", 1), ("peak_mib", 0), ("evaluations", 0), ("overhead", 2))
    last = (("estimated_seconds", 1), ("estimated_mib", 0))
    return markdown.table(columns, [
        [row["case"], row["steps"] or "default",
         *(markdown.mean([row], figure, digits) for figure, digits in first),
         "–" if (ratio := beside_windows(row)) is None else f"{ratio:.2f}",
         *(markdown.mean([row], figure, digits) for figure, digits in last)]
        for row in rows
    ], texts=2)


def beside_windows(row: Row) -> float | None:
    """How many times as long as its pixels take in windows alone."""
    windows = row["window_seconds"]
    return float(row["seconds"]) / float(windows) if windows else None


def rates_of_many(photos: Sequence[Row], many: Sequence[Row]) -> Iterator[str]:
    """How fast windows are done where photos are many and small, beside one large photo."""
    if not photos:
        return
    largest = max(photos, key=lambda row: float(row["megapixels"]))
    for row in many:
        its, one = beside_windows(row), beside_windows(largest)
        if its and one:
            share = one / its
            yield (
                f"Pixels per second of {row['case']}, beside those of {largest['case']}: "
                f"{share:.2f} (0.9 is the aim)."
            )


def judgements(rows: Sequence[Row]) -> Iterator[str]:
    """Straight lines through time and memory against size, and how far the estimates were off."""
    for figure, unit in (("seconds", "s"), ("peak_mib", "MiB")):
        points = [(float(r["megapixels"]), float(r[figure])) for r in rows if r[figure]]
        if len(points) > 1:
            sizes, values = np.array(points).T
            slope, start = np.polyfit(sizes, values, 1)
            yield f"{figure} ≈ {start:.1f} {unit} + {slope:.2f} {unit} per megapixel."
    for measured, told in (("seconds", "estimated_seconds"), ("peak_mib", "estimated_mib")):
        ratios = [float(r[told]) / float(r[measured]) for r in rows if r[told] and r[measured]]
        if ratios:
            yield (
                f"{told} ÷ {measured}: from {min(ratios):.2f} to {max(ratios):.2f} "
                "(0.75 to 1.25 is the aim)."
            )
