"""`train`: a prior from photos, stopped and resumed, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gdp_desktop.diffusion.checkpoints import load_unet
from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.training.lineage import curve_path
from gdp_desktop.training.plan import (
    FINE_TUNING_RATE,
    LEARNING_RATE,
    TrainingPlan,
    resume_path,
)
from gdp_desktop.training.train import TrainingReport
from gdp_desktop.training.train import train as training
from tests.contents import contents

from .conftest import Put, Run, raising

BAD_USAGE, FAILED, INTERRUPTED = 2, 1, 130


@pytest.fixture
def photos(put_photo: Put, folder: Path) -> Path:
    for number in range(12):
        put_photo(f"{number:02}.png", Size(128, 128))
    return folder


@pytest.fixture
def train(run: Run, photos: Path, prior: Path) -> Run:
    """`train` from the tiny prior for a moment."""

    def call(*words: str | Path) -> object:
        return run("train", "--photos", photos, "--minutes", 0.01, "--from", prior, *words)

    return call


def test_trains_and_resumes(train: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "zz-bad.png").write_text("not a picture")
    out = tmp_path / "models" / "own.safetensors"
    outcome = train("--out", out)
    assert outcome.code == 0
    assert "zz-bad.png" in outcome.sentence and "dB" in outcome.out
    assert load_unet(out).config.widths == (8, 8, 8)
    assert train("--out", out, "--minutes", 0.02).code == 0
    curve = curve_path(out)
    assert set(contents(out.parent)) == {
        out.name, resume_path(out).name, curve.name, curve.with_suffix(".svg").name
    }


def test_replaces_no_prior_of_another_training(train: Run, tmp_path: Path) -> None:
    out = tmp_path / "own.safetensors"
    out.write_bytes(b"old")
    outcome = train("--out", out)
    assert outcome.code == BAD_USAGE and "--overwrite" in outcome.sentence
    assert out.read_bytes() == b"old"
    assert train("--out", out, "--overwrite").code == 0
    assert out.read_bytes() != b"old"


def test_overwriting_deletes_nothing_where_nothing_starts(train: Run, tmp_path: Path) -> None:
    out = tmp_path / "models" / "own.safetensors"
    assert train("--out", out).code == 0
    kept = contents(out.parent)
    for words in (["--photos", "typo"], ["--from", "typo"], ["--blocks", "1,1"]):
        assert train("--out", out, "--overwrite", *words).code == BAD_USAGE
    assert contents(out.parent) == kept
    assert train("--out", out, "--minutes", 0.02).code == 0


def test_trained_weights_go_on_more_carefully(
    run: Run, train: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[TrainingPlan] = []
    monkeypatch.setattr(
        "gdp_desktop.commands.train.train", lambda plan: iter(plans.append(plan) or ())
    )
    assert train("--out", tmp_path / "own.safetensors").code == 0
    fresh = ("--photos", photos, "--minutes", 1, "--out", tmp_path / "fresh.safetensors")
    assert run("train", *fresh).code == 0
    assert [plan.learning_rate for plan in plans] == [FINE_TUNING_RATE, LEARNING_RATE]
    assert FINE_TUNING_RATE < LEARNING_RATE


def test_a_prior_with_more_blocks(train: Run, tmp_path: Path) -> None:
    assert train("--out", tmp_path / "own.safetensors", "--blocks", "1,2,3").code == 0
    assert load_unet(tmp_path / "own.safetensors").config == UNetConfig(
        (8, 8, 8), (1, 2, 3), 16
    )


@pytest.mark.parametrize(("words", "said"), [
    (["--out", "own.txt"], ".safetensors"),
    (["--blocks", "1,2"], "1,2,2"),
    (["--blocks", "1,1,65"], "1 to 64"),
    (["--blocks", "1,many,1"], "many"),
    (["--blocks", "1,0,1"], "above 0"),
    (["--minutes", "0"], "above 0"),
    (["--minutes", "soon"], "above 0"),
    (["--photos", "nowhere"], "nowhere"),
    (["--from", "nothing.safetensors"], "nothing.safetensors"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_usage(words: list[str], said: str, train: Run, tmp_path: Path) -> None:
    outcome = train("--out", tmp_path / "own.safetensors", *words)
    assert outcome.code == BAD_USAGE and said in outcome.sentence and not outcome.out


def test_too_few_photos(train: Run, photos: Path, tmp_path: Path) -> None:
    for photo in sorted(photos.iterdir())[3:]:
        photo.unlink()
    outcome = train("--out", tmp_path / "own.safetensors")
    assert outcome.code == FAILED and "at least" in outcome.sentence


def test_ctrl_c(train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdp_desktop.commands.train.train", raising(KeyboardInterrupt))
    outcome = train("--out", tmp_path / "own.safetensors")
    assert outcome.code == INTERRUPTED and "anew" in outcome.sentence


def test_ctrl_c_of_a_training_begun_anew(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives the same command again would lose what was learned."""
    out, really = tmp_path / "own.safetensors", training

    def stopped(plan: TrainingPlan) -> Iterator[TrainingReport]:
        reports = really(plan)
        yield next(reports)
        reports.close()
        raise KeyboardInterrupt

    assert train("--out", out).code == 0
    with monkeypatch.context() as patched:
        patched.setattr("gdp_desktop.commands.train.train", raising(KeyboardInterrupt))
        outcome = train("--out", out, "--overwrite")
        assert "starts anew" in outcome.sentence
        patched.setattr("gdp_desktop.commands.train.train", stopped)
        outcome = train("--out", out, "--overwrite")
        assert outcome.code == INTERRUPTED
        assert "without --overwrite resumes there" in outcome.sentence
