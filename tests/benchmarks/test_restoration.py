"""The restoration benchmark runs the program's own engine, on what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gdp_desktop.benchmarks import restoration
from gdp_desktop.benchmarks.cases import CASES

from .conftest import Bench, rows_of

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
