"""A prior ready to run: read, on its device, in the number format that is fast there."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.diffusion.prior import NetworkPrior, Prior, UNetPrior
from gdp_desktop.image.errors import is_out_of_memory
from gdp_desktop.priors.formats import read_prior
from gdp_desktop.priors.places import find_prior
from gdp_desktop.priors.records import Speed, kind_of
from gdp_desktop.priors.shelf import PriorInfo, describe


@dataclass(frozen=True)
class LoadedPrior:
    """``notes`` are what a report has to say about the prior: the terms of its use.

    ``precision`` is what most of it computes in, ``memory`` the bytes its weights take up,
    ``picture_bytes`` those that its first layer puts out for every pixel; ``speed`` is None until
    it was measured on this machine.
    """

    prior: Prior
    name: str
    sha256: str
    device: str
    format: str = ""
    notes: tuple[str, ...] = ()
    precision: str = "float32"
    memory: int = 0
    picture_bytes: float = 0.0
    speed: Speed | None = None


# Of every device the last prior, with its file and when that was written.
_kept: dict[str, tuple[tuple[Path, tuple[int, ...]], LoadedPrior]] = {}
_loading = threading.Lock()


def load_prior(name_or_path: str = "", device: str = "auto") -> LoadedPrior:
    """A prior ready to run; the last one of every device stays in memory.

    Raises CheckpointError: no such prior, not a prior, no such device, not enough memory.
    """
    path, chosen = find_prior(name_or_path), _chosen_device(device)
    found = path, _changes_of(path)
    with _loading:
        if chosen not in _kept or _kept[chosen][0] != found:
            _kept.pop(chosen, None)  # both may not fit
            _kept[chosen] = found, _load(path, chosen)
        return _kept[chosen][1]


def devices_like(device: str) -> list[str]:
    """What can do the work of ``device``: every graphics card if it stands for any of them, else
    that alone.

    Raises CheckpointError: no such device.
    """
    chosen = _chosen_device(device)
    cards = torch.cuda.device_count() if chosen == "cuda" else 0
    return [f"cuda:{card}" for card in range(cards)] if cards > 1 else [chosen]


def _chosen_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CheckpointError("There is no CUDA device here; choose the processor (--device cpu).")
    cards = [f"cuda:{card}" for card in range(torch.cuda.device_count())]
    if device not in ("cpu", "cuda", *cards):
        raise CheckpointError(f'There is no device "{device}"; use cpu or cuda.')
    return device


def _changes_of(path: Path) -> tuple[int, ...]:
    """Another value once the file, or one in the folder, was written again."""
    files = sorted((*path.glob("*"), *path.glob("*/*"))) if path.is_dir() else [path]
    changes = []
    for file in files:
        with contextlib.suppress(OSError):  # a link that leads nowhere; what matters is read later
            changes.append(file.stat().st_mtime_ns)
    return tuple(changes)


def _load(path: Path, device: str) -> LoadedPrior:
    info = describe(path)
    try:
        prior = read_prior(path).on(device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise CheckpointError(
            f"The prior {info.name} with {info.parameters / 1e6:.0f} million parameters does not "
            f"fit into the memory of {device}; choose a smaller one."
        ) from error
    return LoadedPrior(
        prior, info.name, info.sha256, device, info.format, notes_on(info),
        str(prior.precision).removeprefix("torch."), memory_of(prior),
        picture_bytes_of(prior), speed_on(device, info),
    )


def speed_on(device: str, info: PriorInfo) -> Speed | None:
    """What was measured on a device of that kind."""
    return next((speed for speed in info.speeds if speed.kind == kind_of(device)), None)


def notes_on(info: PriorInfo) -> tuple[str, ...]:
    return (f"Prior {info.name}: {info.terms}",) if info.terms else ()


def memory_of(prior: NetworkPrior) -> int:
    """Bytes that the weights take up."""
    networks: list[torch.nn.Module] = [prior.network]
    if isinstance(prior, UNetPrior) and prior.converted is not None:
        networks.append(prior.converted)
    return sum(p.numel() * p.element_size() for n in networks for p in n.parameters())


def picture_bytes_of(prior: NetworkPrior) -> float:
    """Bytes that the first convolution puts out for every pixel it takes in, which are three
    channels, or folded three and so many pixels each."""
    found = (m for m in prior.network.modules() if isinstance(m, torch.nn.Conv2d))
    first = next(found, None)
    # On a card, and in public networks, norms are in float32 whatever the convolutions are in.
    own = isinstance(prior, UNetPrior) and prior.device.type == "cpu"
    a_value = prior.precision.itemsize if own else torch.float32.itemsize
    return a_value * first.out_channels * 3 / first.in_channels if first else 0.0


def note_speed(sha256: str, speed: Speed) -> None:
    """What was measured of the prior with this digest, for those in memory."""
    with _loading:
        for kept_on, (found, kept) in _kept.items():
            if kept.sha256 == sha256 and kind_of(kept_on) == speed.kind:
                _kept[kept_on] = found, replace(kept, speed=speed)
