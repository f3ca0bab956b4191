"""Where priors lie: the program's own folder and the user's, and which things in them are one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import printable
from gdp_desktop.priors.weights import (
    FOLDER_CONFIG,
    FOLDER_PLACES,
    WEIGHTS_SUFFIXES,
    is_safetensors,
)

DEFAULT_PRIOR = "photo-small"
FOLDER_VARIABLE = "GDP_MODELS"
_PACKAGE = Path(__file__).resolve().parents[1]
# Beside the package in a checkout, inside it when installed from a wheel.
MODEL_FOLDERS = (_PACKAGE.parent / "models", _PACKAGE / "models")


def user_folder() -> Path:
    """The folder for imported and downloaded priors, which may not be there yet.

    It is named by GDP_MODELS, or lies where the system keeps a program's data.
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "gdp-desktop" / "models"


def made_user_folder() -> Path:
    """The user's folder, made if it is missing.  Raises CheckpointError if it cannot be made."""
    folder = user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"The folder for priors {printable(folder)} cannot be made ({error.strerror}); name "
            f"another one in the environment variable {FOLDER_VARIABLE}."
        ) from error
    return folder


def name_of(path: Path) -> str:
    """What a prior at ``path`` is called."""
    path = path.absolute()
    return path.stem if path.suffix.lower() in WEIGHTS_SUFFIXES else path.name


def listed_name(file: Path) -> str:
    """Under what name a weights file is listed: its own, with another ending where files of its own
    are not looked for."""
    if file.suffix.lower() in WEIGHTS_SUFFIXES:
        return file.name
    return file.stem + (".safetensors" if is_safetensors(file) else ".pt")


def prior_paths() -> Iterator[Path]:
    """Everything in the folders that may be a prior; of two with one name, the first counts."""
    taken = set()
    for folder in (*MODEL_FOLDERS, user_folder()):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if _may_be_prior(path) and name_of(path) not in taken:
                taken.add(name_of(path))
                yield path


def _may_be_prior(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any((path / place / FOLDER_CONFIG).is_file() for place in FOLDER_PLACES)
    return path.suffix.lower() in WEIGHTS_SUFFIXES


def find_prior(name_or_path: str = "") -> Path:
    """The file or folder that is meant, "" for the default prior.  Raises CheckpointError."""
    wanted = name_or_path or DEFAULT_PRIOR
    paths = list(prior_paths())
    for path in paths:
        if name_of(path) == wanted:
            return path
    if (path := Path(wanted)).exists():
        return path
    names = ", ".join(name_of(path) for path in paths)
    raise CheckpointError(
        f'There is no prior "{printable(wanted)}"; choose one of {names or "(none installed)"} or '
        "give the path of a weights file or folder."
    )
