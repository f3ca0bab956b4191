"""Runs a benchmark: measures what is missing in its table, then writes what it says."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import cv2
import torch

from gdp_desktop.benchmarks import markdown
from gdp_desktop.benchmarks.plan import Cell, LeftOut, Plan, Request
from gdp_desktop.benchmarks.table import Table
from gdp_desktop.diffusion.at_once import cores
from gdp_desktop.diffusion.precision import bfloat16_pays
from gdp_desktop.image.writing import atomic_write

# Whose versions can change a figure.
LIBRARIES = ("torch", "numpy", "opencv-python", "bm3d", "deepinv")


@dataclass(frozen=True)
class Measuring:
    """``done`` of ``total`` cells; ``text`` is the Markdown at the end, "" before."""

    done: int
    total: int
    text: str = ""


def run(name: str, request: Request) -> Iterator[Measuring]:
    """Measures the benchmark ``name`` cell by cell and ends with its text.

    NAME.csv and NAME.md are written to ``request.out``, which exists.  Raises BenchmarkError,
    PhotoError or CheckpointError with one sentence.
    """
    cv2.setNumThreads(cores())
    plan: Plan = importlib.import_module(f"gdp_desktop.benchmarks.{name}").plan(request)
    table = Table(request.out / f"{name}.csv", plan, machine_of(plan.device))
    if request.resume:
        table.resume()
    else:
        table.start()

    left_out: dict[str, None] = {}
    for done, cell in enumerate(plan.cells):
        yield Measuring(done, len(plan.cells))
        sentence = "" if cell in table else measure(cell, table)
        if sentence:
            left_out[sentence] = None
    rows = table.rows()
    header = header_of(plan, rows, left_out)
    table.finish(header)
    text = markdown.document(name.capitalize(), header, plan.summary(rows))
    atomic_write(request.out / f"{name}.md", text.encode(), overwrite=True)
    yield Measuring(len(plan.cells), len(plan.cells), text)


def measure(cell: Cell, table: Table) -> str:
    """Adds the cell to the table; or the sentence that says why it is left out."""
    try:
        table.add(cell, cell.measure())
    except LeftOut as error:
        return str(error)
    return ""


def header_of(
    plan: Plan, rows: list[dict[str, str]], left_out: dict[str, None]
) -> dict[str, str]:
    """What a reader needs to know of the figures: no dates, and no paths of a machine."""
    machines = sorted({row["machine"] for row in rows})
    known = f"{plan.prior_name}, sha256 {plan.prior_sha256}" if plan.prior_sha256 else "none"
    header = {"prior": known, **plan.settings}
    header["device"] = "; ".join(machines)
    header["libraries"] = ", ".join([f"Python {platform.python_version()}", *versions()])
    header |= plan.notes
    if left_out:
        header["left out"] = " ".join(left_out)
    return header


def versions() -> Iterator[str]:
    for library in LIBRARIES:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            continue


def machine_of(device: str) -> str:
    """Where a figure was measured, as each row says it."""
    threads = cores()
    cpu = f"{threads} CPU thread{'s' if threads > 1 else ''}"
    if bfloat16_pays("cpu"):
        cpu += " of a processor with bfloat16"
    return cpu if device == "cpu" else f"{torch.cuda.get_device_name()}, {cpu}"
