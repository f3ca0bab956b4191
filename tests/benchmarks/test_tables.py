"""What every benchmark promises: the same figures again, and going on after a kill."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gdp_desktop.benchmarks import BENCHMARKS, denoising, tuning

from .conftest import HELD_OUT, Bench, rows_of, tiny_prior, without_seconds

BAD_USAGE = 2
QUICK = {
    "denoising": ["--sigmas", "15,25", "--methods", "noisy,nlm,prior"],
    "restoration": ["--count", "1", "--tasks", "noise-25,sr4-mean", "--steps", "1,2"],
    "published": ["--sizes", "32x32", "--methods", "default", "--tasks",
                  "sr4-mean,inpainting-25,low-light"],
    "shortcuts": ["--count", "1", "--tasks", "noise-25"],
    "tuning": ["--count", "1"],
}
# What something costs is never the same again, and is tested by itself.
COSTS = {"speed", "memory"}
every_benchmark = pytest.mark.parametrize("what", [w for w in BENCHMARKS if w not in COSTS])


@pytest.fixture(autouse=True)
def _few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "SIGMAS", (25,))
    for name in ("NLM_STRENGTHS", "JPEG_NLM_STRENGTHS", "WIENER", "ITERATIONS"):
        monkeypatch.setattr(tuning, name, getattr(tuning, name)[:2])


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return tmp_path / "tables"


@every_benchmark
def test_writes_tables_that_a_killed_run_goes_on_with(
    what: str, bench: Bench, tables: Path
) -> None:
    outcome = bench(what, *QUICK[what])
    assert outcome.code == 0 and not outcome.err
    path = tables / f"{what}.csv"
    whole = path.read_text(encoding="utf-8")
    expected = without_seconds(rows_of(path))
    check_texts(what, outcome.out, whole, (tables / f"{what}.md").read_text(encoding="utf-8"))
    assert {row["photo"] in HELD_OUT for row in expected} == {what != "tuning"}

    lines = whole.splitlines(keepends=True)
    first = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    # A figure that cannot have been measured shows that its row was not measured again; all others
    # are, and come out the same.
    forged = lines[first + 3].replace(expected[2]["psnr"], "77.7")
    path.write_text("".join([*lines[: first + 3], forged, lines[first + 4][:-6]]), encoding="utf-8")
    assert bench(what, *QUICK[what], "--resume").code == 0
    expected[2]["psnr"] = "77.7"
    assert without_seconds(rows_of(path)) == expected


def check_texts(what: str, printed: str, table: str, text: str) -> None:
    assert text in printed
    for name in ("prior", "photos", "seed", "device", "libraries"):
        assert f"- {name}: " in text and f"# {name}: " in table
    assert "/tmp" not in text + table and "|" in text


def test_nothing_is_replaced(bench: Bench, tables: Path) -> None:
    bench("denoising", *QUICK["denoising"])
    before = (tables / "denoising.csv").read_bytes()
    outcome = bench("denoising", *QUICK["denoising"])
    assert outcome.code == BAD_USAGE and "--resume" in outcome.sentence
    assert (tables / "denoising.csv").read_bytes() == before


@pytest.mark.parametrize("other", [["--crop", "16"], ["--seed", "3"]])
def test_other_settings_do_not_mix(other: list[str], bench: Bench, tables: Path) -> None:
    bench("denoising", *QUICK["denoising"])
    before = (tables / "denoising.csv").read_bytes()
    outcome = bench("denoising", *QUICK["denoising"], *other, "--resume")
    assert outcome.code == BAD_USAGE and other[0][2:] in outcome.sentence
    assert (tables / "denoising.csv").read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b"hello", b"\xff\xfe\x00" * 30, b"# crop: middle\na,b\n"])
def test_another_file_is_not_resumed(damage: bytes, bench: Bench, tables: Path) -> None:
    tables.mkdir()
    (tables / "denoising.csv").write_bytes(damage)
    outcome = bench("denoising", *QUICK["denoising"], "--resume")
    assert outcome.code == BAD_USAGE and outcome.sentence
    assert (tables / "denoising.csv").read_bytes() == damage


def test_another_prior_keeps_what_does_not_depend_on_it(
    bench: Bench, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench("denoising", *QUICK["denoising"])
    before = rows_of(tables / "denoising.csv")
    other = tiny_prior(tmp_path / "other.safetensors", 1)
    measured = []
    really = denoising.measured

    def noted(*args):
        measured.append(args)
        return really(*args)

    monkeypatch.setattr(denoising, "measured", noted)
    assert bench("denoising", *QUICK["denoising"], "--resume", prior=other).code == 0
    after = rows_of(tables / "denoising.csv")
    assert [r["method"] for r in after] == [r["method"] for r in before]
    for old, new in zip(before, after, strict=True):
        assert (old == new) == (old["method"] != "prior")
    assert len(measured) == sum(row["method"] == "prior" for row in before)


def test_a_missing_library_leaves_its_rows_out(
    bench: Bench, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    outcome = bench("denoising", "--sigmas", "25", "--methods", "noisy,bm3d")
    assert outcome.code == 0 and outcome.out.count("BM3D is left out") == 1
    assert {row["method"] for row in rows_of(tables / "denoising.csv")} == {"noisy"}


@pytest.mark.parametrize("words", [
    ["denoising", "--sigmas", "0"], ["denoising", "--sigmas", "nan"],
    ["denoising", "--sigmas", "x"], ["denoising", "--methods", "magic"],
    ["denoising", "--methods", "nlm,,prior"],
    ["denoising", "--count", "0"], ["denoising", "--crop", "-1"], ["denoising", "--crop", "8"],
    ["denoising", "--photos", "/nowhere"], ["denoising", "--resume=1"], ["nothing"], [],
    ["restoration", "--tasks", "magic"], ["restoration", "--methods", "magic"],
    ["restoration", "--steps", "0"], ["restoration", "--steps", "x"],
    ["restoration", "--sigmas", "25"], ["speed", "--photos", "."], ["memory", "--crop", "32"],
])
def test_bad_requests_are_one_sentence(words: list[str], bench: Bench) -> None:
    outcome = bench(*words) if words else bench("")
    assert outcome.code == BAD_USAGE and outcome.sentence and not outcome.out
