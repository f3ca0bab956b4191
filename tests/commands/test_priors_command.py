"""`priors` and what it can do beside listing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gdp_desktop.commands import priors as command
from gdp_desktop.diffusion.adm import ADM, ADMConfig
from gdp_desktop.diffusion.checkpoints import sha256_of
from gdp_desktop.image.geometry import Size
from gdp_desktop.priors import catalogue, places
from gdp_desktop.priors.catalogue import Known
from tests.contents import contents

from .conftest import Put, Run

FAILED, BAD_USAGE = 1, 2


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GDP_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(places, "MODEL_FOLDERS", ())
    return tmp_path / "models"


@pytest.fixture(scope="session")
def adm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("adm") / "tiny-adm.pt"
    torch.save(ADM(ADMConfig(32, (32, 32), (False, True), 1)).state_dict(), path)
    return path


@pytest.fixture
def research_only(adm: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
    shapes = torch.load(adm, weights_only=True)
    entry = Known("tiny-adm", "Tiny", "tiny-adm.pt", len(shapes),
                  sum(t.numel() for t in shapes.values()), 1, "research only",
                  "For research purposes only.", sha256_of(adm), "https://example.org/x.pt")
    monkeypatch.setattr(catalogue, "CATALOGUE", (entry,))
    return entry


class TestList:
    """Of the one tiny prior."""

    @pytest.fixture(autouse=True)
    def _tiny_models(self, prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(places, "MODEL_FOLDERS", (prior.parent,))

    def test_as_text(self, run: Run, prior: Path) -> None:
        outcome = run("priors")
        assert outcome.code == 0 and "tiny" in outcome.out and str(prior) in outcome.out

    def test_as_json(self, run: Run, prior: Path) -> None:
        [listed] = json.loads(run("priors", "--json").out)
        assert listed["name"] == "tiny" and listed["bytes"] == prior.stat().st_size

    def test_none_there(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(places, "MODEL_FOLDERS", (tmp_path,))
        outcome = run("priors")
        assert outcome.code == FAILED and outcome.sentence and not outcome.out
        assert run("priors", "--json").out == "[]\n"


def test_import_list_verify(run: Run, adm: Path, models: Path) -> None:
    taken = run("priors", "import", adm)
    assert taken.code == 0 and not taken.err and "tiny-adm" in taken.out
    [listed] = json.loads(run("priors", "--json").out)
    assert listed["format"] == "adm" and listed["path"] == str(models / adm.name)
    verified = run("priors", "verify", "tiny-adm")
    assert verified.code == 0 and "as it was received" in verified.out
    [verdict] = json.loads(run("priors", "verify", "--json").out)
    assert verdict["problem"] == "" and verdict["sha256"] == sha256_of(adm)
    assert json.loads(run("priors", "--json", "verify").out) == [verdict]


def test_import_refuses_in_one_sentence(run: Run, adm: Path, models: Path) -> None:
    run("priors", "import", adm)
    before = contents(models)
    again = run("priors", "import", adm)
    assert again.code == FAILED and "--overwrite" in again.sentence and not again.out
    assert contents(models) == before
    assert run("priors", "import", adm, "--overwrite").code == 0
    missing = run("priors", "import", models / "nothing.pt")
    assert missing.code == FAILED and missing.sentence
    assert run("priors", "import").code == BAD_USAGE


def test_a_damaged_prior_is_told_beside_the_others(run: Run, adm: Path, models: Path) -> None:
    run("priors", "import", adm)
    (models / "bad.pt").write_bytes(b"PK\x03\x04" + b"x" * 100)
    listed = run("priors")
    assert listed.code == 0 and "tiny-adm" in listed.out and "bad.pt" in listed.sentence
    verified = run("priors", "verify")
    assert verified.code == FAILED and "bad" in verified.out and "whole and usable" in verified.out


def test_speed_is_measured_when_asked_and_remembered(run: Run, adm: Path) -> None:
    run("priors", "import", adm)
    assert "s per window" not in run("priors").out
    assert "s per window of 32×32 on" in run("priors", "--speed").out
    [listed] = json.loads(run("priors", "--json").out)
    (speed,) = listed["speeds"]
    assert speed["seconds"] > 0 and speed["window"] == 32 and speed["device"] == "cpu"


def test_terms_are_shown_wherever_the_prior_is_met(
    run: Run, adm: Path, research_only: Known, put_photo: Put
) -> None:
    assert research_only.terms in run("priors", "import", adm).out
    assert research_only.terms in run("priors").out
    photo = put_photo(size=Size(24, 16))
    report = run("restore", photo, "--task", "denoise", "--prior", "tiny-adm", "--steps", "1",
                 "--json", "--device", "cpu").reports[0]
    assert report["prior_sha256"] == research_only.sha256
    assert [note for note in report["notes"] if research_only.terms in note]


def test_download_needs_agreement(
    run: Run, research_only: Known, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Known] = []
    monkeypatch.setattr(command, "download", lambda known, on_bytes: asked.append(known))
    offered = run("priors", "download")
    assert offered.code == 0 and research_only.terms in offered.out
    refused = run("priors", "download", "tiny-adm")
    assert refused.code == FAILED and research_only.terms in refused.err
    assert "--accept-terms" in refused.err and not asked and not models.exists()
    unknown = run("priors", "download", "nothing", "--accept-terms")
    assert unknown.code == FAILED and "tiny-adm" in unknown.sentence and not asked


def test_nothing_touches_the_network_unless_asked(
    run: Run, adm: Path, research_only: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*given: object, **options: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.create_connection", no_network)
    monkeypatch.setattr("socket.socket.connect", no_network)
    for words in (["import", adm], [], ["verify"], ["download"], ["download", "tiny-adm"]):
        assert "connection was opened" not in run("priors", *words).err
