"""The restoration benchmark runs the program's own engine, on what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gdp_desktop.benchmarks import restoration
from gdp_desktop.benchmarks.cases import CASES
from gdp_desktop.benchmarks.photos import generator_for
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods import METHODS, method_named
from gdp_desktop.methods.gdp import GenerativeDiffusionPrior
from gdp_desktop.methods.method import Assignment
from gdp_desktop.restoration.prepare import checked_steps
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.published import kappa
from tests.gaussian_prior import GaussianPrior

from .conftest import Bench, picture, rows_of

FEW = ["--count", "1", "--tasks", "noise-25", "--steps"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "restoration.csv"


def test_steps_are_evaluations(bench: Bench, table: Path) -> None:
    assert bench("restoration", *FEW, "1,3").code == 0
    counted = {r["steps"]: r["evaluations"] for r in rows_of(table) if r["steps"]}
    assert counted == {"1": "1", "3": "3"}


def test_every_method_gets_the_same_damage(bench: Bench, table: Path) -> None:
    assert bench("restoration", *FEW, "1", "--methods", "adaptive").code == 0
    before = rows_of(table)
    assert [row["method"] for row in before] == \
        [restoration.CLEAN, *CASES["noise-25"].trivial, "adaptive"]
    noise = float(before[1]["psnr"])
    assert noise == pytest.approx(20.17, abs=0.3)  # 20·log10(255 / 25)
    # What is measured afterwards is measured on the same noise.
    assert bench("restoration", *FEW, "2", "--resume").code == 0
    assert [row for row in rows_of(table) if row in before] == before


def test_calls_of_other_methods_and_counts_make_one_table(
    bench: Bench, table: Path
) -> None:
    """A quick method on both photos, then a slow one on one of them, then another task."""
    task = ["--tasks", "noise-25"]
    assert bench("restoration", *task, "--methods", "from-photo").code == 0
    slow = [*task, "--methods", "gdp-x0", "--count", "1", "--steps", "3", "--resume"]
    assert bench("restoration", *slow).code == 0
    last = bench("restoration", "--tasks", "sr4-mean", "--methods", "ddrm", "--steps", "2",
                 "--count", "1", "--resume")
    assert last.code == 0
    text = table.with_suffix(".md").read_text(encoding="utf-8")
    whole, few = text.split("The same on 1 of the photos")
    of_whole, of_few = (
        {tuple(cells[:3]): cells[3] for line in part.splitlines() if line.startswith("|")
         for cells in [[cell.strip() for cell in line.split("|")[1:]]]}
        for part in (whole, few)
    )
    assert of_whole["noise-25", "from-photo", "default"] == of_whole["noise-25", "nlm", ""] == "2"
    assert of_whole["noise-25", "gdp-x0", "3"] == of_whole["sr4-mean", "ddrm", "2"] == "1"
    # On the photo that all methods of the task saw, all of them again; sr4-mean needs no such line.
    assert {task for task, _, _ in of_few} == {"task", "---", "noise-25"}
    assert {method for _, method, _ in of_few} >= {"nlm", "from-photo", "gdp-x0"}
    assert set(of_few.values()) == {"photos", "--:", "1"}
    methods = [method for task, method, _ in of_whole if task == "noise-25"]
    assert methods == [restoration.CLEAN, *CASES["noise-25"].trivial, "from-photo", "gdp-x0"]
    assert "- task noise-25: " in text and "- task sr4-mean: " in text and "- task grey" not in text
    assert len(rows_of(table)) == 2 * 4 + 1 + 4


def test_what_an_older_version_measured_does_no_harm(bench: Bench, table: Path) -> None:
    assert bench("restoration", *FEW, "1").code == 0
    text = table.read_text(encoding="utf-8")
    row = text.splitlines()[-1]
    table.write_text(text + row.replace("adaptive", "magic") + "\n"
                     + row.replace("noise-25", "fog") + "\n", encoding="utf-8")
    assert bench("restoration", *FEW, "1", "--resume").code == 0
    summary = table.with_suffix(".md").read_text(encoding="utf-8")
    assert "| noise-25 | magic |" in summary and "fog" not in summary


def test_default_steps_can_stand_beside_others(bench: Bench, table: Path) -> None:
    assert bench("restoration", *FEW, "2,default").code == 0
    counted = {r["steps"]: r["evaluations"] for r in rows_of(table) if r["steps"]}
    assert counted == {"2": "2", "default": str(task_named("denoise").default_steps)}


@pytest.mark.parametrize("task", ["inpainting-25", "deblurring", "sr4-mean", "grey"])
def test_default_steps_of_gdp_are_the_published_ones(task: str) -> None:
    """Without --steps, the thousand steps and the constants of the paper's own four tasks."""
    clean = picture(64, 64, 3).astype("float32") / 255
    problem = CASES[task].damaged(clean, generator_for(0, task)).problem
    assert problem.published is not None
    prior = GaussianPrior(0.0, 0.4, window=64)
    for name in ("gdp-x0", "gdp-xt", "gdp-x0-sigma", "gdp-xt-sigma"):
        method = method_named(name)
        steps = checked_steps(task_named(CASES[task].task), method, None)
        assert steps == 1000
        solver = method.solver(Assignment(
            problem, prior, Size(64, 64), steps, values=method.values({})
        ))
        assert isinstance(solver, GenerativeDiffusionPrior)
        scale = problem.published.scale_with_sigma if "sigma" in name else problem.published.scale
        values_per_pixel = problem.y.numel() / 64**2
        assert scale is not None and solver.kappa() == pytest.approx(
            kappa(scale, values_per_pixel, problem.published.side)
        )


@pytest.mark.parametrize("task", [name for name, case in CASES.items() if case.task == "mixed"])
def test_mixed_damage_is_judged(task: str, bench: Bench, table: Path) -> None:
    words = ["--count", "1", "--tasks", task, "--steps", "1"]
    assert bench("restoration", *words).code == 0
    rows = {row["method"]: row for row in rows_of(table)}
    assert set(rows) == {restoration.CLEAN, *CASES[task].trivial, "adaptive"}
    for row in rows.values():
        lost_colours = CASES[task].judges_grey and row["method"] != restoration.CLEAN
        assert bool(row["grey"]) == lost_colours


def test_every_method_can_be_asked_for_a_bracket(bench: Bench, table: Path) -> None:
    words = ["--count", "1", "--tasks", "hdr", "--steps", "2", "--methods", ",".join(METHODS)]
    outcome = bench("restoration", *words)
    assert outcome.code == 0, outcome.err
    measured = {row["method"] for row in rows_of(table)}
    for method in METHODS:
        assert method in measured or f"{method} of hdr: " in outcome.out


def test_low_light_is_judged_by_its_order(bench: Bench, table: Path) -> None:
    words = ["--count", "1", "--tasks", "low-light", "--steps", "1"]
    assert bench("restoration", *words).code == 0
    loe = {row["method"]: row["loe"] for row in rows_of(table)}
    assert float(loe["input"]) == 0 and float(loe["gamma"]) < float(loe["adaptive"])
    consistency = {row["method"]: row["consistency"] for row in rows_of(table)}
    assert consistency["input"] == "" and float(consistency["adaptive"]) >= 0


def test_a_method_that_cannot_do_the_task_is_left_out(
    bench: Bench, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = restoration.method_named("adaptive")
    refusing = replace(method, refusal=lambda problem: "Not with me; choose another method.")
    monkeypatch.setattr(restoration, "method_named", lambda name: refusing)
    outcome = bench("restoration", *FEW, "1")
    assert outcome.code == 0 and "left out: adaptive of noise-25: Not with me" in outcome.out
    assert "adaptive" not in {row["method"] for row in rows_of(table)}
