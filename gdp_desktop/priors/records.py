"""What is remembered about priors: what was received, and what is slow to find out."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gdp_desktop.diffusion.at_once import cores
from gdp_desktop.diffusion.checkpoints import sha256_of
from gdp_desktop.image.errors import PhotoError
from gdp_desktop.image.writing import atomic_write
from gdp_desktop.priors.places import made_user_folder, name_of, user_folder

RECEIPT = ".receipt.json"
MEMORY = "measured.json"
# Smaller files are hashed again each time.
WORTH_REMEMBERING = 50_000_000
KINDS = ("cpu", "cuda")


@dataclass(frozen=True)
class Speed:
    """How long one evaluation of one window takes here."""

    seconds: float
    window: int
    device: str
    precision: str

    @property
    def kind(self) -> str:
        """A computer's graphics cards count as alike."""
        return kind_of(self.device)


def kind_of(device: str) -> str:
    """What "cuda:1" is one of; one of KINDS."""
    return device.partition(":")[0]


def write_receipt(path: Path, digests: Mapping[str, str], source: str, terms: str) -> None:
    """Notes what arrived at ``path``: the hash of each file, where from, and on which terms.

    Where that cannot be written the prior is as good as one that was put there by hand.
    """
    receipt = {"files": dict(digests), "source": source, "terms": terms}
    # The receipt of another prior of this name must not stay.
    with suppress(OSError):
        _receipt_path(path).unlink(missing_ok=True)
    with suppress(PhotoError, OSError):
        atomic_write(_receipt_path(path), _as_bytes(receipt), overwrite=True)


def received(path: Path) -> dict[str, str]:
    """The hashes that the files of an imported or downloaded prior had, by their names; {} for
    what came otherwise."""
    files = _read(_receipt_path(path)).get("files", {})
    return files if isinstance(files, dict) else {}


def digest_of(file: Path) -> str:
    """sha256 of a weights file; of a large one it is remembered as long as the file is untouched.

    ``verify`` does not rely on this.
    """
    if file.stat().st_size < WORTH_REMEMBERING:
        return sha256_of(file)
    known = _remembered(file).get("sha256")
    if isinstance(known, str):
        return known
    digest = sha256_of(file)
    _remember(file, sha256=digest)
    return digest


def speeds_of(file: Path) -> tuple[Speed, ...]:
    """The speeds measured on this machine: on its processor, on a graphics card, or none."""
    remembered = _remembered(file)
    speeds = []
    for kind in KINDS:
        with suppress(KeyError, TypeError):
            speeds.append(Speed(**remembered[_speed_key(kind)]))
    return tuple(speeds)


def remember_speed(file: Path, speed: Speed) -> None:
    made_user_folder()
    _remember(file, **{_speed_key(speed.kind): asdict(speed)})


def _speed_key(kind: str) -> str:
    # A home folder may be shared by several machines, and a machine by other work.
    return f"speed of {kind} on {platform.node()} with {cores()} threads"


def _receipt_path(path: Path) -> Path:
    return path.with_name(name_of(path) + RECEIPT)


def _remembered(file: Path) -> dict[str, Any]:
    facts = _read(user_folder() / MEMORY).get(_key(file), {})
    return facts if isinstance(facts, dict) else {}


def _remember(file: Path, **facts: object) -> None:
    path = user_folder() / MEMORY
    memory = _read(path)
    memory[_key(file)] = _remembered(file) | facts
    # Only a memory: without it things are found out again.
    with suppress(PhotoError, OSError):
        atomic_write(path, _as_bytes(memory), overwrite=True)


def _key(file: Path) -> str:
    stat = file.stat()
    return f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _as_bytes(content: object) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True).encode()
