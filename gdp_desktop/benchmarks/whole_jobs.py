"""Jobs on made photos, each in a process of its own, as a user would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gdp_desktop.benchmarks.plan import BenchmarkError, LeftOut, Request
from gdp_desktop.image.geometry import Size
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.restoration.job import Recipe

MIB = 2**20
PACKAGE = Path(__file__).resolve().parents[2]

# Reports, peak memory in MiB if the system tells, and seconds.
Restored = tuple[list[dict], float | None, float]

# The process tells its peak itself: what the system tells of a child counts its parent's, too.  Its
# start is left out, as a report leaves it out.
RESTORE_AND_TELL_COST = """
import json, time
from gdp_desktop.commands import main, settle_environment
settle_environment()
import gdp_desktop.commands.restore
started = time.monotonic()
main()
seconds = time.monotonic() - started
from gdp_desktop.restoration.memory import peak_bytes
print(json.dumps([peak_bytes(), seconds]))
"""


def sizes_of(request: Request, usual: tuple[float, ...]) -> tuple[float, ...]:
    """The megapixels asked for, ascending, or the usual ones; raises BenchmarkError."""
    given = request.lists.get("sizes", ())
    try:
        sizes = tuple(sorted({float(text) for text in given})) or usual
    except ValueError:
        sizes = (0,)
    if not all(0.01 <= size <= 200 for size in sizes):
        raise BenchmarkError(
            f'--sizes cannot be "{",".join(given)}"; give megapixels from 0.01 to 200.'
        )
    return sizes


def size_of(megapixels: float) -> Size:
    """Width and height, 3 : 2."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    return Size(round(megapixels * 1e6 / height), height)


def made_photo(folder: Path, megapixels: float, seed: int) -> Path:
    """A dark picture of soft shapes with noise."""
    width, height = size_of(megapixels)
    rng = np.random.default_rng(seed)
    shapes = rng.random((max(2, height // 60), max(2, width // 60), 3)).astype(np.float32)
    pixels = np.empty((height, width, 3), np.uint8)
    soft = cv2.resize(shapes, (width, height), interpolation=cv2.INTER_LINEAR)
    for top in range(0, height, 256):
        rows = soft[top : top + 256]
        noisy = 0.03 + 0.15 * rows + 0.012 * rng.standard_normal(rows.shape, np.float32)
        pixels[top : top + 256] = np.rint(noisy.clip(0, 1) * 255)
    file = folder / f"made-{megapixels:g}-{seed}.jpg"
    atomic_write(file, cv2.imencode(".jpg", pixels)[1].tobytes(), overwrite=True)
    return file


def in_a_process(files: Sequence[Path], recipe: Recipe, *more: str) -> Restored:
    """The command ``restore`` on these files, with ``more`` options: its reports, its peak memory
    in MiB if the system tells, and its seconds once the program is there."""
    command = [
        sys.executable, "-c", RESTORE_AND_TELL_COST, "restore", *map(str, files),
        "--task", recipe.task, "--seed", str(recipe.seed), "--device", recipe.device,
        "--json", "--overwrite", *more,
        *(f"--param={key}={value}" for key, value in recipe.params.items()),
    ]
    command += ["--steps", str(recipe.steps)] if recipe.steps else []
    command += ["--prior", recipe.prior] if recipe.prior else []
    path = os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    *reports, costs = [json.loads(line) for line in done.stdout.splitlines()] or [None]
    told = bool(reports) and isinstance(costs, list)
    if not told or any(report["status"] != "done" for report in reports):
        reason = next((r["error"] for r in reports if r.get("error")), "it ended without a word")
        raise LeftOut(f"A photo could not be restored: {reason}")
    peak, seconds = costs
    return reports, peak / MIB if peak else None, seconds
