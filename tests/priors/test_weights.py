"""Bad files: one sentence each, nothing run, nothing written."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from gdp_desktop.priors.formats import read_prior
from gdp_desktop.priors.importing import import_prior
from tests.contents import contents

from .conftest import put_adm, put_unet, refusal, state


class Trap:
    """Touches a file when a pickle with it is loaded trustingly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("holiday.txt", "hello")


def shortened(put: Callable[[Path, str], Path], keep: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        put(path.parent, path.name)
        data = path.read_bytes()
        path.write_bytes(data[: int(keep * len(data))])

    return write


def old_form(path: Path, keep: float = 1.0) -> None:
    torch.save(state("adm"), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


BAD = {
    "empty": (lambda p: p.write_bytes(b""), "empty"),
    "web page": (lambda p: p.write_text("\n<!DOCTYPE html><html>404</html>"), "web page"),
    "pointer": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), "pointer"),
    "noise": (lambda p: p.write_bytes(bytes(range(256)) * 9), "damaged"),
    "text": (lambda p: p.write_text("hello " * 100), "damaged"),
    "zip": (archive, "zip archive but no checkpoint"),
    "cut archive": (shortened(put_adm, 0.5), "damaged"),
    "cut archive's end": (shortened(put_adm, 0.999), "damaged"),
    "cut safetensors": (shortened(put_unet, 0.9), "damaged"),
    "cut old form": (lambda p: old_form(p, 0.5), "damaged"),
    "cut old head": (lambda p: old_form(p, 0.001), "damaged"),
    "list": (lambda p: torch.save([1, 2], p), "something else"),
    "nested": (lambda p: torch.save({"model": state("adm")}, p), "something else"),
    "numbered": (lambda p: torch.save({1: torch.zeros(2)}, p), "something else"),
    "objects": (lambda p: torch.save({"args": argparse.Namespace(a=1)}, p), "code"),
    "resnet": (lambda p: torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, p),
               "another kind of network"),
    "nothing": (lambda p: torch.save({}, p), "another kind of network"),
    "other safetensors": (lambda p: p.write_bytes(save({"fc.weight": torch.zeros(2)})),
                          "another kind of network"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_and_nothing_is_written(
    kind: str, given: Path, models: Path
) -> None:
    path = given / "bad.pt"
    write, word = BAD[kind]
    write(path)
    before = path.read_bytes()
    sentence = refusal(read_prior, path)
    assert word in sentence and "bad.pt" in sentence
    assert refusal(import_prior, path) == sentence
    assert contents(given) == {"bad.pt": before} and not models.exists()


@pytest.mark.parametrize("form", ["archive", "old form", "bare pickle"])
def test_code_is_refused_and_not_run(form: str, given: Path) -> None:
    trace, path = given / "was-run", given / "code.pt"
    if form == "bare pickle":
        path.write_bytes(pickle.dumps({"weight": Trap(trace)}, protocol=2))
    else:
        torch.save({"weight": Trap(trace)}, path, _use_new_zipfile_serialization=form == "archive")
    sentence = refusal(import_prior, path)
    assert "code" in sentence and "refused" in sentence and not trace.exists()
    torch.load(path, weights_only=False) if form != "bare pickle" \
        else pickle.loads(path.read_bytes())
    assert trace.exists()  # the trap was a real one


def test_the_old_form_is_read(given: Path) -> None:
    old_form(given / "old.pt")
    read = read_prior(given / "old.pt").network.state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in state("adm").items())


def test_folders_without_weights_and_missing_files(given: Path) -> None:
    assert "config.json" in refusal(read_prior, given)
    (given / "config.json").write_text("{}")
    assert "holds no weights" in refusal(read_prior, given)
    assert "no weights file" in refusal(read_prior, given / "nowhere.pt")


def test_a_loaded_prior_does_not_hang_on_its_file(given: Path) -> None:
    path = put_adm(given)
    prior = read_prior(path)
    x_t = torch.randn(1, 3, 8, 8)
    before = prior(x_t, 500).x0
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert torch.equal(prior(x_t, 500).x0, before)
