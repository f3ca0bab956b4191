"""Weights files: what was written comes back, and anything else is refused in one sentence."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from gdp_desktop.diffusion.checkpoints import (
    CheckpointError,
    load_unet,
    read_metadata,
    serialise_unet,
    sha256_of,
)
from gdp_desktop.diffusion.unet import UNet, UNetConfig

from .test_tiler import random_unet

CONFIG = UNetConfig((4, 8), (1, 1), 6, 2)
GOOD = serialise_unet(random_unet(CONFIG), {"step": 7})
FIELDS = {"widths": [4, 8], "blocks": [1, 1], "embedding": 6, "unshuffle": 2}


def written(path: Path, data: bytes) -> Path:
    file = path / "prior.safetensors"
    file.write_bytes(data)
    return file


def assert_refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as raised:
        load_unet(path)
    message = str(raised.value)
    assert message.endswith(".") and "\n" not in message
    assert path.name in message
    return message


def with_config(config: object, tensors: dict[str, torch.Tensor] | None = None) -> bytes:
    text = config if isinstance(config, str) else json.dumps(config)
    return save(
        tensors or random_unet(CONFIG).state_dict(), {"format": "gdp-unet-1", "config": text}
    )


def test_round_trip(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    network = load_unet(file)
    assert network.config == CONFIG and not network.training
    expected = random_unet(CONFIG).state_dict()
    assert network.state_dict().keys() == expected.keys()
    assert all(torch.equal(t, expected[k]) for k, t in network.state_dict().items())
    assert json.loads(read_metadata(file)["training"]) == {"step": 7}
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(network(x, torch.zeros(1)), random_unet(CONFIG)(x, torch.zeros(1)))


def test_same_weights_same_bytes() -> None:
    network = random_unet(CONFIG)
    assert len({serialise_unet(network, {"step": 7}) for _ in range(12)}) == 1


def test_the_memory_format_is_not_stored(tmp_path: Path) -> None:
    network = random_unet(CONFIG).to(memory_format=torch.channels_last)
    file = written(tmp_path, serialise_unet(network, {"step": 7}))
    stored = load_unet(file).state_dict()
    assert all(torch.equal(t, stored[k]) for k, t in random_unet(CONFIG).state_dict().items())


def test_digest(tmp_path: Path) -> None:
    assert sha256_of(written(tmp_path, GOOD)) == hashlib.sha256(GOOD).hexdigest()


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 200, len(GOOD) // 2, len(GOOD) - 1])
def test_truncated_files_are_refused(tmp_path: Path, keep: int) -> None:
    assert_refused(written(tmp_path, GOOD[:keep]))


@pytest.mark.parametrize("data", [
    b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 20,
    b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04" + b"\x00" * 200, GOOD + b"more",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 6000000\n",
], ids=["html", "zeros", "ones", "zip", "appended", "pointer"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    assert_refused(written(tmp_path, data))


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "nothing.safetensors")
    assert_refused(tmp_path)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"format": "gdp-unet-2"}])
def test_foreign_safetensors_are_refused(tmp_path: Path, metadata) -> None:
    assert_refused(written(tmp_path, save({"weight": torch.zeros(3)}, metadata)))


@pytest.mark.parametrize("config", [
    "", "null", "[]", "{}", "not json", '"text"', "17",
    FIELDS | {"widths": [8, 4]}, FIELDS | {"widths": [4, 8, 8]}, FIELDS | {"widths": [4]},
    FIELDS | {"widths": "48"}, FIELDS | {"widths": [4, -8]}, FIELDS | {"widths": [0, 0]},
    FIELDS | {"widths": [4.5, 8]}, FIELDS | {"blocks": [2, 1]}, FIELDS | {"blocks": [1, 0]},
    FIELDS | {"blocks": []}, FIELDS | {"embedding": 8}, FIELDS | {"embedding": None},
    FIELDS | {"embedding": -6}, FIELDS | {"unshuffle": 1}, FIELDS | {"unshuffle": 0},
    {"widths": [4, 8]},
], ids=str)
def test_a_description_that_does_not_fit_the_weights_is_refused(tmp_path: Path, config) -> None:
    assert_refused(written(tmp_path, with_config(config)))


@pytest.mark.parametrize("config", [
    FIELDS | {"widths": [], "blocks": []},  # no level at all
    FIELDS | {"embedding": float("inf")},  # JSON knows Infinity
    FIELDS | {"unshuffle": -2},  # has the same square
], ids=["empty", "infinite", "negative"])
def test_an_impossible_description_is_refused(tmp_path: Path, config) -> None:
    assert_refused(written(tmp_path, with_config(config)))


def test_the_reason_is_not_a_list_of_every_tensor(tmp_path: Path) -> None:
    config = FIELDS | {"blocks": [9, 9]}
    assert len(assert_refused(written(tmp_path, with_config(config)))) < 400


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "renamed"])
def test_other_tensors_are_refused(tmp_path: Path, change: str) -> None:
    tensors = dict(random_unet(CONFIG).state_dict())
    name = "middle.conv1.weight"
    if change == "missing":
        del tensors[name]
    if change == "unexpected":
        tensors["extra"] = torch.zeros(1)
    if change == "shape":
        tensors[name] = tensors[name][:-1].clone()
    if change == "renamed":
        tensors["module." + name] = tensors.pop(name)
    assert_refused(written(tmp_path, with_config(FIELDS, tensors)))


def test_code_in_a_pickle_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "was-run"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (trace,))

    for name, data in (("plain", pickle.dumps(Trap())), ("torch", b"")):
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(data) if data else torch.save({"weight": Trap()}, file)
        assert_refused(file)
        assert not trace.exists()
    pickle.loads(pickle.dumps(Trap()))
    assert trace.exists()  # the trap was a real one


def test_half_precision_files_are_used_in_float32(tmp_path: Path) -> None:
    half = {k: t.half() for k, t in random_unet(CONFIG).state_dict().items()}
    network = load_unet(written(tmp_path, with_config(FIELDS, half)))
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_the_description_is_readable_json() -> None:
    header = json.loads(GOOD[8 : 8 + int.from_bytes(GOOD[:8], "little")])
    assert json.loads(header["__metadata__"]["config"]) == FIELDS
    assert UNet(CONFIG).config.stride == 4
