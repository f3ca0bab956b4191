"""Everything on the command line but `restore`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gdp_desktop
from gdp_desktop import app
from gdp_desktop.commands import main, sample
from gdp_desktop.commands.parser import COMMANDS
from gdp_desktop.diffusion.checkpoints import load_unet
from gdp_desktop.diffusion.unet import UNetConfig
from gdp_desktop.image.geometry import Size
from gdp_desktop.tasks import TASKS
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

ROOT = Path(__file__).parents[2]
VERSION = f"gdp-desktop {gdp_desktop.__version__}\n"
BAD_USAGE, FAILED, INTERRUPTED = 2, 1, 130
every_command = pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])


def test_the_version_needs_no_torch() -> None:
    command = [sys.executable, "-X", "importtime", "main.py", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, VERSION)
    assert "torch" not in done.stderr and "PySide6" not in done.stderr


@every_command
def test_version_everywhere(command: list[str], run: Run) -> None:
    outcome = run(*command, "--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, VERSION, "")


@every_command
def test_help_everywhere(command: list[str], run: Run) -> None:
    outcome = run(*command, "--help")
    assert outcome.code == 0 and outcome.out.startswith("usage: ") and not outcome.err


@every_command
def test_an_unknown_option(command: list[str], run: Run) -> None:
    outcome = run(*command, "--no-such-option")
    assert outcome.code == BAD_USAGE and outcome.sentence and not outcome.out


class TestTasks:
    def test_as_text(self, run: Run) -> None:
        outcome = run("tasks")
        assert outcome.code == 0 and not outcome.err
        for task in TASKS.values():
            assert task.id in outcome.out
            assert all(f"--param {param.key}=" in outcome.out for param in task.params)

    def test_as_json(self, run: Run) -> None:
        listed = json.loads(run("tasks", "--json").out)
        assert [task["id"] for task in listed] == list(TASKS)
        for task in listed:
            defaults = {param["key"]: param["default"] for param in task["params"]}
            assert defaults == TASKS[task["id"]].values({})


class TestPriors:
    @pytest.fixture(autouse=True)
    def _tiny_models(self, prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gdp_desktop.priors.places.MODEL_FOLDERS", (prior.parent,))

    def test_as_text(self, run: Run, prior: Path) -> None:
        outcome = run("priors")
        assert outcome.code == 0 and "tiny" in outcome.out and str(prior) in outcome.out

    def test_as_json(self, run: Run, prior: Path) -> None:
        [listed] = json.loads(run("priors", "--json").out)
        assert listed["name"] == "tiny" and listed["bytes"] == prior.stat().st_size

    def test_none_there(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gdp_desktop.priors.places.MODEL_FOLDERS", (tmp_path,))
        outcome = run("priors")
        assert outcome.code == FAILED and outcome.sentence and not outcome.out
        assert run("priors", "--json").out == "[]\n"


class TestWindow:
    @pytest.fixture
    def opened(self, monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
        calls: list[list[Path]] = []
        monkeypatch.setattr(app, "run", lambda files: calls.append(files) or 0)
        return calls

    def test_without_words(self, run: Run, opened: list[list[Path]]) -> None:
        assert run().code == 0
        assert opened == [[]]

    def test_with_files(self, run: Run, photo: Path, opened: list[list[Path]]) -> None:
        assert run(photo, photo.parent).code == 0
        assert opened == [[photo, photo.parent]]

    def test_neither_file_nor_command(self, run: Run, opened: list[list[Path]]) -> None:
        outcome = run("restroe")
        assert outcome.code == BAD_USAGE and "restroe" in outcome.sentence
        assert not opened

    def test_without_a_display(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        outcome = run()
        assert outcome.code == FAILED and outcome.sentence

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
    def test_a_display_that_cannot_be_reached(
        self, run: Run, opened: list[list[Path]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
        outcome = run()
        assert outcome.code == FAILED and "nonsense" in outcome.sentence
        assert not opened

    def test_a_system_library_is_missing(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "gdp_desktop.app", None)
        monkeypatch.delattr(gdp_desktop, "app")
        outcome = run()
        assert outcome.code == FAILED and "library is missing" in outcome.sentence


class TestSample:
    @pytest.mark.parametrize(("name", "said"), [
        ("old.png", "already exists"), ("sheet.txt", "choose .jpg"), ("no/sheet.png", "not exist"),
    ])
    def test_a_target_that_cannot_be_is_refused_before_the_work(
        self, name: str, said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "old.png").write_bytes(b"old")
        failing = raising(AssertionError("it was started"))
        monkeypatch.setattr("gdp_desktop.commands.sample.load_prior", failing)
        outcome = run("sample", tmp_path / name)
        assert outcome.code in (FAILED, BAD_USAGE) and said in outcome.sentence


def test_samples_too_large_for_the_memory_are_refused(
    run: Run, tmp_path: Path, prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    monkeypatch.setattr(sample, "samples", raising(full))
    outcome = run("sample", tmp_path / "sheet.png", "--prior", prior)
    assert outcome.code == FAILED and "smaller --side" in outcome.err
    assert outcome.err.count("\n") == 1


class TestTrain:
    @pytest.fixture
    def photos(self, put_photo: Put, folder: Path) -> Path:
        for number in range(12):
            put_photo(f"{number:02}.png", Size(128, 128))
        return folder

    @pytest.fixture
    def train(self, run: Run, photos: Path, prior: Path) -> Run:
        """`train` from the tiny prior for a moment."""

        def call(*words: str | Path) -> object:
            return run("train", "--photos", photos, "--minutes", 0.01, "--from", prior, *words)

        return call

    def test_trains_and_resumes(self, train: Run, photos: Path, tmp_path: Path) -> None:
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

    def test_replaces_no_prior_of_another_training(self, train: Run, tmp_path: Path) -> None:
        out = tmp_path / "own.safetensors"
        out.write_bytes(b"old")
        outcome = train("--out", out)
        assert outcome.code == BAD_USAGE and "--overwrite" in outcome.sentence
        assert out.read_bytes() == b"old"
        assert train("--out", out, "--overwrite").code == 0
        assert out.read_bytes() != b"old"

    def test_overwriting_deletes_nothing_where_nothing_starts(
        self, train: Run, tmp_path: Path
    ) -> None:
        out = tmp_path / "models" / "own.safetensors"
        assert train("--out", out).code == 0
        kept = contents(out.parent)
        for words in (["--photos", "typo"], ["--from", "typo"], ["--blocks", "1,1"]):
            assert train("--out", out, "--overwrite", *words).code == BAD_USAGE
        assert contents(out.parent) == kept
        assert train("--out", out, "--minutes", 0.02).code == 0

    def test_trained_weights_go_on_more_carefully(
        self, run: Run, train: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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

    def test_a_prior_with_more_blocks(
        self, run: Run, train: Run, photos: Path, tmp_path: Path
    ) -> None:
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
    def test_bad_usage(self, words: list[str], said: str, train: Run, tmp_path: Path) -> None:
        outcome = train("--out", tmp_path / "own.safetensors", *words)
        assert outcome.code == BAD_USAGE and said in outcome.sentence and not outcome.out

    def test_too_few_photos(self, train: Run, photos: Path, tmp_path: Path) -> None:
        for photo in sorted(photos.iterdir())[3:]:
            photo.unlink()
        outcome = train("--out", tmp_path / "own.safetensors")
        assert outcome.code == FAILED and "at least" in outcome.sentence

    def test_ctrl_c(
        self, train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gdp_desktop.commands.train.train", raising(KeyboardInterrupt))
        outcome = train("--out", tmp_path / "own.safetensors")
        assert outcome.code == INTERRUPTED and "anew" in outcome.sentence

    def test_ctrl_c_of_a_training_begun_anew(
        self, train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_an_error_nobody_foresaw_is_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GDP_DEBUG", raising=False)
    monkeypatch.setattr("gdp_desktop.commands.tasks.as_text", raising(KeyError("colour")))
    outcome = run("tasks")
    assert outcome.code == FAILED
    assert "failed unexpectedly (KeyError: 'colour'); please report it" in outcome.sentence


def test_the_words_default_to_those_of_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "restore", "--help"])
    assert main() == 0
    assert "usage: python main.py restore" in capsys.readouterr().out
