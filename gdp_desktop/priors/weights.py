"""A file or folder of weights, opened without running what it may contain."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from gdp_desktop.diffusion.checkpoints import CheckpointError, read_metadata
from gdp_desktop.image.errors import shown

WEIGHTS_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
# What diffusers calls its files, and where a pipeline keeps them.
FOLDER_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
FOLDER_CONFIG = "config.json"
FOLDER_PLACES = ("", "unet")
SCHEDULER_PLACES = ("scheduler_config.json", "scheduler/scheduler_config.json",
                    "../scheduler/scheduler_config.json")
LARGEST_JSON = 1_000_000


@dataclass(frozen=True)
class Weights:
    """Tensors by name as they lie on the disk, and what stands beside them.

    ``path`` is what the user named, ``file`` where the tensors are; ``config`` and ``scheduler``
    are the JSON files of a diffusers folder, None where there is none.
    """

    path: Path
    file: Path
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    scheduler: Mapping[str, Any] | None = None

    @cached_property
    def parameters(self) -> int:
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())

    def read(self) -> dict[str, torch.Tensor]:
        """The tensors in the file's own precision.  Raises CheckpointError if it is damaged."""
        if is_safetensors(self.file):
            try:
                return load_file(self.file)
            except (SafetensorError, OSError, ValueError) as error:
                raise _damaged(self.file) from error
        return read_torch(self.file)

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that belongs to the prior: the file, or the folder's known files."""
        if self.config is None:
            return (self.file,)
        folder = self.file.parent
        beside = (folder / FOLDER_CONFIG, folder / "README.md", folder / "LICENSE",
                  scheduler_file(folder))
        return (self.file, *(path for path in beside if path and path.is_file()))


def open_weights(path: Path) -> Weights:
    """What is at ``path``, read as far as names and shapes.

    Raises CheckpointError with one sentence: nothing there, a folder without weights, empty, a
    web page, damaged, code instead of numbers.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise CheckpointError(f"There is no weights file {path}.")
    if path.name in FOLDER_WEIGHTS and (path.parent / FOLDER_CONFIG).is_file():
        return _open_folder(path.parent)
    return Weights(path, path, *_contents(path))


def _open_folder(folder: Path) -> Weights:
    for place in FOLDER_PLACES:
        for name in FOLDER_WEIGHTS:
            file, config = folder / place / name, folder / place / FOLDER_CONFIG
            if file.is_file() and config.is_file():
                scheduler = scheduler_file(file.parent)
                return Weights(
                    folder, file, *_contents(file), read_json(config),
                    read_json(scheduler) if scheduler else None,
                )
    raise CheckpointError(
        f"The folder {shown(folder)} holds no weights with a {FOLDER_CONFIG} beside them; choose "
        f"one with {FOLDER_CONFIG} and {FOLDER_WEIGHTS[0]}, or a weights file."
    )


def scheduler_file(folder: Path) -> Path | None:
    """The noise schedule that belongs to the network in ``folder``."""
    # A folder above counts only where the network lies in a pipeline's own folder for it.
    places = SCHEDULER_PLACES if folder.name in FOLDER_PLACES else SCHEDULER_PLACES[:2]
    return next((folder / p for p in places if (folder / p).is_file()), None)


def _contents(file: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    if is_safetensors(file):
        metadata = read_metadata(file)
        with safe_open(file, framework="pt") as opened:
            return {k: tuple(opened.get_slice(k).get_shape()) for k in opened.keys()}, metadata
    return {name: tuple(tensor.shape) for name, tensor in read_torch(file).items()}, {}


def is_safetensors(file: Path) -> bool:
    """False for what torch.save has written; raises CheckpointError for what is neither."""
    try:
        with file.open("rb") as opened:
            start = opened.read(512)
    except OSError as error:
        raise CheckpointError(
            f"{shown(file)} cannot be read ({error.strerror}); copy it again."
        ) from error
    name = shown(file)
    if not start:
        raise CheckpointError(f"{name} is empty; copy or download it again.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise CheckpointError(
            f"{name} is a web page, not weights; download the file itself again."
        )
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{name} is only a pointer to a large file; download the file itself."
        )
    # Zip archives and bare pickles are the two forms of torch.save.
    return not start.startswith((b"PK\x03\x04", b"\x80\x02"))


def read_torch(file: Path) -> dict[str, torch.Tensor]:
    """The state dict that torch.save has written, mapped into memory where the format allows it.

    Nothing in the file is run: anything but tensors in plain containers is refused.  Raises
    CheckpointError.
    """
    name = shown(file)
    with file.open("rb") as opened:
        archived = opened.read(2) == b"PK"
    if archived and not _holds_a_pickle(file):
        raise CheckpointError(f"{name} is a zip archive but no checkpoint; unpack or replace it.")
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=archived or None)
    except pickle.UnpicklingError as error:
        if not any(word in str(error) for word in ("GLOBAL", "REDUCE", "nsupported", "Trying to")):
            raise _damaged(file) from error
        raise CheckpointError(
            f"{name} holds code or objects beside its numbers and was refused, and nothing in it "
            "was run; ask for a file of plain weights."
        ) from error
    # A damaged pickle can end in almost any error.
    except Exception as error:
        raise _damaged(file) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in loaded.items()
    ):
        raise CheckpointError(
            f"{name} holds something else than a network's weights; choose a plain state dict."
        )
    return loaded


def _holds_a_pickle(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return True  # a damaged one; torch will find out


def read_json(file: Path) -> dict[str, Any]:
    """Raises CheckpointError if the file is no JSON object."""
    try:
        if file.stat().st_size > LARGEST_JSON:
            raise ValueError("too long")
        fields = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(fields, dict):
            raise ValueError("no object")
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{shown(file)} beside the weights is damaged; copy it again."
        ) from error
    return fields


def _damaged(file: Path) -> CheckpointError:
    return CheckpointError(
        f"{shown(file)} is damaged or incomplete, or no weights file; copy or download it again."
    )
