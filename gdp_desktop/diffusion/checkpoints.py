"""Weights on disk: detect what a file is, then load it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

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
        tuple(fields["widths"]), tuple(fields["blocks"]),
        int(fields["embedding"]), int(fields["unshuffle"]),
    )


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
        reason = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(
            f"{path.name} does not fit its own description ({reason}); copy the file again."
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
    return save(tensors, metadata)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
