"""Taking a prior into the user's folder: checked first, then copied whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gdp_desktop.diffusion.checkpoints import CheckpointError, sha256_of
from gdp_desktop.image.errors import printable, shown
from gdp_desktop.image.writing import is_disk_full
from gdp_desktop.priors.checks import refuse_damaged_copy, refuse_no_answer
from gdp_desktop.priors.formats import read_prior
from gdp_desktop.priors.places import (
    MODEL_FOLDERS,
    listed_name,
    made_user_folder,
    name_of,
    prior_paths,
    user_folder,
)
from gdp_desktop.priors.records import write_receipt
from gdp_desktop.priors.shelf import PriorInfo, describe
from gdp_desktop.priors.weights import open_weights

CHUNK = 1 << 20
# (done, total), total 0 where nobody knows; may raise to stop.
OnBytes = Callable[[int, int], None]


class PriorExistsError(CheckpointError):
    """Another prior of the same name is there."""


def import_prior(
    source: Path, overwrite: bool = False, on_bytes: OnBytes = lambda done, total: None
) -> PriorInfo:
    """Checks a weights file or diffusers folder fully and copies it into the user's folder.

    ``on_bytes`` hears (done, total) and may raise to stop.  Raises CheckpointError, and leaves
    everything as it was: not a prior, a name that is taken, no room.
    """
    weights = open_weights(source)
    refuse_no_answer(read_prior(source), shown(source))
    sha256 = sha256_of(weights.file)
    refuse_damaged_copy(weights.file, sha256)
    is_folder = weights.config is not None
    called = name_of(weights.path.resolve()) if is_folder else listed_name(weights.file)
    name = name_of(Path(called))
    _refuse_taken_name(name, overwrite)

    folder = made_user_folder()
    refuse_full_disk(folder, sum(file.stat().st_size for file in weights.files))
    target = folder / called
    staging = folder / f".{secrets.token_hex(6)}.part"
    try:
        staging.mkdir()
        names = [file.name for file in weights.files] if is_folder else [called]
        digests = _copied(weights.files, names, staging, on_bytes)
        if sha256 not in digests.values():
            raise CheckpointError(
                f"{shown(weights.file)} changed while it was copied; import it again."
            )
        _replace(name, staging if is_folder else staging / called, target)
    except OSError as error:
        raise CheckpointError(writing_failed(error, folder)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    info = describe(target)
    write_receipt(target, digests, str(source), info.terms)
    return info


def _refuse_taken_name(name: str, overwrite: bool) -> None:
    for path in prior_paths():
        # Most desktop file systems do not tell upper case from lower case.
        if name_of(path).casefold() != name.casefold():
            continue
        if path.parent != user_folder() or path.parent in MODEL_FOLDERS:
            raise CheckpointError(
                f'"{name}" is a prior that comes with the program; rename the file to be imported.'
            )
        if not overwrite:
            raise PriorExistsError(
                f'There is a prior "{name}" already; rename the file, or move the old one out of '
                f"{path.parent}."
            )


def _copied(
    files: Sequence[Path], names: Sequence[str], folder: Path, on_bytes: OnBytes
) -> dict[str, str]:
    """Copies the files under these names and returns their hashes by name."""
    done, total = 0, sum(file.stat().st_size for file in files)
    digests = {}
    for file, name in zip(files, names, strict=True):
        digest = hashlib.sha256()
        with file.open("rb") as old, (folder / name).open("xb") as new:
            while chunk := old.read(CHUNK):
                new.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_bytes(done, total)
            new.flush()
            os.fsync(new.fileno())
        digests[name] = digest.hexdigest()
    return digests


def _replace(name: str, new: Path, target: Path) -> None:
    """Puts the new prior in place of any old one of this name, which goes only then."""
    old = [path for path in target.parent.iterdir()
           if name_of(path).casefold() == name.casefold() and path in set(prior_paths())]
    aside = [(path, path.with_name(f".{secrets.token_hex(6)}.part")) for path in old]
    for path, away in aside:
        os.rename(path, away)
    try:
        os.rename(new, target)
    except OSError:
        for path, away in aside:
            os.rename(away, path)
        raise
    for _, away in aside:
        shutil.rmtree(away) if away.is_dir() else away.unlink()


def refuse_full_disk(folder: Path, size: int) -> None:
    """Raises CheckpointError if ``size`` bytes do not fit on the folder's disk."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise CheckpointError(
            f"The disk is too full for {size / 1e6:.0f} MB in {printable(folder)}, where "
            f"{free / 1e6:.0f} MB are free; make room and try again."
        )


def writing_failed(error: OSError, folder: Path) -> str:
    if is_disk_full(error):
        return f"The disk is full in {printable(folder)}; make room and try again."
    return (
        f"The folder for priors {printable(folder)} cannot be written "
        f"({error.strerror or error}); look at its permissions."
    )
