"""This program's own files of weights, and the error for weights that cannot be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from gdp_desktop.diffusion.unet import UNet, UNetConfig

UNET_FORMAT = "gdp-unet-1"


class CheckpointError(Exception):
    """One sentence: why the weights cannot be used and what to do."""


def read_metadata(path: Path) -> dict[str, str]:
    """The text header of a safetensors file.  Raises CheckpointError if it is not one."""
    if not path.is_file():
        raise CheckpointError(f"There is no weights file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path.name} is not a safetensors weights file or is damaged; "
            "choose another file or copy it again."
        ) from error


def config_from_metadata(metadata: dict[str, str]) -> UNetConfig:
    """The network's shape as written by serialise_unet.  Raises ValueError or KeyError."""
    fields = json.loads(metadata["config"])
    return UNetConfig(
        tuple(fields["widths"]), tuple(fields["blocks"]), fields["embedding"], fields["unshuffle"]
    )


def training_from_metadata(metadata: dict[str, str]) -> dict[str, Any]:
    """How the weights came to be, as written by serialise_unet; {} if nothing is said.

    Raises CheckpointError if it is damaged.
    """
    try:
        training = {**json.loads(metadata.get("training", "{}"))}
        if "x0_error" in training:
            training["x0_error"] = [(float(s), float(e)) for s, e in training["x0_error"]]
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            "The weights file's own history is damaged; copy the file again."
        ) from error
    return training


def load_unet(path: Path) -> UNet:
    """The embedded kind of network with its weights, in float32 on the CPU.

    Raises CheckpointError naming what is wrong: not safetensors, another format, missing or
    unexpected tensors, other shapes.
    """
    metadata = read_metadata(path)
    if metadata.get("format") != UNET_FORMAT:
        raise CheckpointError(
            f"{path.name} holds other weights than a prior of this program; choose a prior made "
            'by "train".'
        )
    try:
        network = UNet(config_from_metadata(metadata))
        network.load_state_dict(load_file(path))
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"The weights in {path.name} do not fit the network it describes; copy the file again "
            "or choose another."
        ) from error
    return network.eval()


def serialise_unet(network: UNet, training: dict[str, object]) -> bytes:
    """The network as the bytes of a safetensors file, with its shape and history in the header."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    metadata = {
        "format": UNET_FORMAT,
        "config": json.dumps(asdict(network.config)),
        "training": json.dumps(training),
    }
    return _with_sorted_header(save(tensors, metadata))


def _with_sorted_header(file: bytes) -> bytes:
    """The same safetensors file with its metadata in a fixed order: same weights, same hash."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    # The data starts at a multiple of eight.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[8 + length :]


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
