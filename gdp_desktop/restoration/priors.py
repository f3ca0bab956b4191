"""The priors at hand: which there are, where they lie, and loading one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from gdp_desktop.diffusion.checkpoints import (
    CheckpointError,
    load_unet,
    read_metadata,
    sha256_of,
    training_from_metadata,
)
from gdp_desktop.diffusion.precision import bfloat16_pays, in_channels_last
from gdp_desktop.diffusion.prior import Prior, UNetPrior

DEFAULT_PRIOR = "photo-small"
_PACKAGE = Path(__file__).resolve().parents[1]
# Beside the package in a checkout, inside it when installed from a wheel.
MODEL_FOLDERS = (_PACKAGE.parent / "models", _PACKAGE / "models")


@dataclass(frozen=True)
class PriorInfo:
    """One weights file, as ``priors`` lists it."""

    name: str
    path: str
    parameters: int
    bytes: int
    sha256: str
    training: dict[str, object]


@dataclass(frozen=True)
class LoadedPrior:
    prior: Prior
    name: str
    sha256: str
    device: str


def list_priors() -> list[PriorInfo]:
    """Every readable prior in the model folders, the default first."""
    found: dict[str, PriorInfo] = {}
    for folder in MODEL_FOLDERS:
        for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else []:
            if path.stem not in found:
                # One unreadable file must not hide the others.
                with suppress(CheckpointError):
                    found[path.stem] = describe(path)
    return sorted(found.values(), key=lambda info: (info.name != DEFAULT_PRIOR, info.name))


def describe(path: Path) -> PriorInfo:
    """Raises CheckpointError if the file is no prior."""
    network = load_unet(path)
    return PriorInfo(
        name=path.stem,
        path=str(path),
        parameters=sum(p.numel() for p in network.parameters()),
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        training=training_from_metadata(read_metadata(path)),
    )


def load_prior(name_or_path: str = "", device: str = "auto") -> LoadedPrior:
    """A prior ready to run; the last one stays in memory.

    Raises CheckpointError: no such prior, not a weights file, no such device.
    """
    path = _find(name_or_path or DEFAULT_PRIOR)
    return _load(path, path.stat().st_mtime_ns, _chosen_device(device))


def _find(name_or_path: str) -> Path:
    for folder in MODEL_FOLDERS:
        candidate = folder / f"{name_or_path}.safetensors"
        if candidate.is_file():
            return candidate
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = ", ".join(p.stem for f in MODEL_FOLDERS if f.is_dir()
                      for p in sorted(f.glob("*.safetensors")))
    raise CheckpointError(
        f'There is no prior "{name_or_path}"; choose one of {names or "(none installed)"} or '
        "give the path of a weights file."
    )


def _chosen_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CheckpointError("There is no CUDA device here; choose the CPU.")
    if device not in ("cpu", "cuda"):
        raise CheckpointError(f'There is no device "{device}"; use cpu or cuda.')
    return device


@lru_cache(maxsize=1)
def _load(path: Path, modified: int, device: str) -> LoadedPrior:
    network = in_channels_last(load_unet(path)).to(device).requires_grad_(False)
    training = training_from_metadata(read_metadata(path))
    prior = UNetPrior(
        network,
        error_table=tuple(training.get("x0_error", ())),
        device=torch.device(device),
        autocast=torch.bfloat16 if bfloat16_pays(device) else None,
    )
    return LoadedPrior(prior, path.stem, sha256_of(path), device)

