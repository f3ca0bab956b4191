"""How much main memory a job takes, told before it begins."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from gdp_desktop.diffusion.at_once import windows_at_once
from gdp_desktop.diffusion.degradation import Degradation
from gdp_desktop.diffusion.lanes import Lanes, tiling_of, windows_of
from gdp_desktop.diffusion.strips import THIN_ROWS, cut_for_start
from gdp_desktop.image.errors import PhotoError, shown
from gdp_desktop.image.geometry import Size
from gdp_desktop.methods.levels import level_count
from gdp_desktop.methods.method import Method
from gdp_desktop.restoration.job import Job
from gdp_desktop.restoration.priors import LoadedPrior
from gdp_desktop.tasks.task import Problem, Task

MIB, GB = 2**20, 10**9
# The interpreter with torch and OpenCV.
PROGRAM = 270 * MIB
# The coarsest level, where the whole photo is guided at once and φ is learned; this small unless
# the photo is very long.
COARSE_PIXEL, COARSE_PIXELS = 230, 200_000
# The result's pixels on the way into a file.
COPIES_OF_PHOTO = 3
# Per pixel of every photo of a scene: itself and its tensor.
POSED_PIXEL = 15
# Per pixel of x: x_t, the coarse result and the photo's rows, in float32.
STATE_PIXEL = 19
# The same for a trivial restoration that is made of the whole photo at once.
WHOLE_START_PIXEL = 24
# The same for one that is made strip by strip: per pixel of the strips at work.
START_PIXEL = 96
# Per pixel of a row of windows: their sums, weights and answers.
STRIP_PIXEL = 45
# What a network holds at once, in pictures as wide as its first layer: on the way there, with all
# that the way back needs, and row by row, where so many rows of every lane are kept beside.
PICTURES, PICTURES_BACK = 8, 42
PICTURES_IN_LANES, ROWS_KEPT = 15, 300
# Of a graphics card's free memory, as its convolutions take room of their own.
CARD_SHARE = 0.5


@dataclass(frozen=True)
class Footprint:
    """What a job holds beside the program and the prior, in bytes: for what it was given, for
    posing the problem, and for solving it; and whether the network is walked through backwards."""

    given: int
    posing: int
    solving: int = 0
    goes_back: bool = False

    @property
    def bytes(self) -> int:
        return self.given + max(self.posing, self.solving)


def footprint_before_posing(task: Task, photo_bytes: int, y: Size, photos: int) -> Footprint:
    """What is known once the photos are read; ``photo_bytes`` are those of the result's pixels,
    ``y`` the size of the part of a photo that is worked on."""
    per_pixel = POSED_PIXEL * photos + task.posing_bytes(photos)
    return Footprint(COPIES_OF_PHOTO * photo_bytes, per_pixel * y.pixels)


def footprint_of(
    before: Footprint, problem: Problem, x: Size, method: Method, loaded: LoadedPrior,
    window_batch: int = 1, coarse_side: float | None = None,
) -> Footprint:
    """The same once the problem is posed, for an x of this size of which the prior gets no more
    than ``window_batch`` windows at once, and whose pyramid ends at ``coarse_side``."""
    seen = tiling_of(loaded.prior, batch=window_batch).largest(x).height
    degradation = problem.degradation
    kept = (problem.y, *degradation.buffers(), *degradation.parameters())
    held = sum({t.data_ptr(): t.numel() * t.element_size() for t in kept}.values())
    if problem.noise_first:  # the photo without it, beside the photo
        held += problem.y.nbytes
    # The levels of a pyramid come to a third of the first.
    solving = STATE_PIXEL * x.pixels + held * 4 // 3
    solving += COARSE_PIXEL * min(COARSE_PIXELS, x.pixels)
    if method.in_strips:
        coarsest = x.pixels >> 2 * (level_count(x, coarse_side) - 1)
        beyond = max(0, coarsest - COARSE_PIXELS)
        solving += max(COARSE_PIXEL, degradation.guidance_bytes) * beyond
    solving += starting_bytes(degradation, x, loaded.device)
    solving += STRIP_PIXEL * x.width * seen
    thin = THIN_ROWS * windows_at_once() if loaded.device == "cpu" else seen
    rows = rows_at_once(degradation, seen, thin) if method.in_strips else None
    guided = x.width * (x.height if rows is None else min(rows, x.height))
    solving += degradation.guidance_bytes * guided
    return Footprint(before.given, before.posing, solving, method.goes_back)


class Room(NamedTuple):
    """How a job fits: windows at once, whether all of the problem goes on the prior's graphics
    card, and the bytes of main memory that it takes at most."""

    window_batch: int
    on_card: bool
    bytes: int


def room_for(
    job: Job, before: Footprint, problem: Problem, x: Size, method: Method, loaded: LoadedPrior,
    wanted: int, coarse_side: float | None,
) -> Room:
    """For an x of this size, with ``wanted`` windows at once or fewer; raises PhotoError where
    there is not enough memory even for one."""
    footprint = footprint_of(before, problem, x, method, loaded, wanted, coarse_side)
    card_bytes = share_of_card(loaded.device, job.at_once)
    batch = fitting_batch(wanted, job.memory_limit, footprint, x, loaded, card_bytes)
    # Fewer windows are fewer rows at once.
    footprint = footprint_of(before, problem, x, method, loaded, batch, coarse_side)
    if on_card := fits_on_card(footprint, x, loaded, batch, card_bytes):
        footprint = replace(footprint, solving=0)
    needed = needed_bytes(footprint, x, loaded, batch)
    refuse_too_large(job, needed)
    return Room(batch, on_card, needed)


def starting_bytes(degradation: Degradation, x: Size, device: str) -> int:
    """What making the trivial restoration takes beside itself."""
    if not degradation.local:
        return WHOLE_START_PIXEL * x.pixels
    kind = torch.device(device).type
    margin, rows = cut_for_start(degradation.pointwise, kind)
    strips = windows_at_once() if kind == "cpu" else 1
    return START_PIXEL * x.width * min(strips * (rows + 2 * margin), x.height)


def rows_at_once(degradation: Degradation, seen: int, thin: int) -> int | None:
    """How many rows a method that works in strips guides together, where the prior sees so many at
    once and those that need no others go in ``thin`` strips; None for all there are."""
    reach = degradation.reach
    if reach is None or degradation.learns_at_every_level:
        return None
    if reach == 0:
        return thin
    # As ``with_margins`` regroups them.
    return 2 * reach + (seen if reach <= seen else reach + seen)


def needed_bytes(footprint: Footprint, x: Size, loaded: LoadedPrior, window_batch: int) -> int:
    """What the job takes in all of main memory, with windows of an x of this size."""
    network = network_bytes(footprint, x, loaded, window_batch) if loaded.device == "cpu" else 0
    return PROGRAM + loaded.memory + footprint.bytes + network


def network_bytes(footprint: Footprint, x: Size, loaded: LoadedPrior, window_batch: int) -> int:
    """What the network holds at once for so many windows, wherever it runs."""
    prior = loaded.prior
    tiler = windows_of(prior) if footprint.goes_back else tiling_of(prior, batch=window_batch)
    across = tiler.starts(x.width)
    largest = max((window.size for window in tiler.windows(x)), key=lambda size: size.pixels)
    pixels = largest.pixels * min(window_batch, len(across))
    held = (PICTURES_BACK if footprint.goes_back else PICTURES) * pixels
    if isinstance(tiler, Lanes) and largest.height < x.height:
        held = PICTURES_IN_LANES * pixels + ROWS_KEPT * largest.width * len(across)
    return round(loaded.picture_bytes * held)


def fitting_batch(
    wanted: int, limit: int | None, footprint: Footprint, x: Size, loaded: LoadedPrior,
    card_bytes: float,
) -> int:
    """As many windows at once as the limit, and the prior's graphics card, if it is on one, allow;
    at most ``wanted`` and at least 1.

    More than ``wanted`` are not taken even where there is room: on a graphics card the number of
    windows shows in the last bit of a result, which must not depend on what else runs there.
    """
    def fits(batch: int) -> bool:
        if limit is not None and needed_bytes(footprint, x, loaded, batch) > limit:
            return False
        on_card = loaded.device != "cpu"
        return not on_card or network_bytes(footprint, x, loaded, batch) <= card_bytes

    while wanted > 1 and not fits(wanted):
        wanted //= 2
    return wanted


def fits_on_card(
    footprint: Footprint, x: Size, loaded: LoadedPrior, window_batch: int, card_bytes: float
) -> bool:
    """Whether the prior's graphics card, if it is on one, has room for the whole problem beside the
    network's windows.  If not, the photo stays in main memory and its windows travel."""
    if loaded.device == "cpu":
        return False
    needed = footprint.solving + network_bytes(footprint, x, loaded, window_batch)
    return needed <= card_bytes


def share_of_card(device: str, at_once: int) -> float:
    """What each of so many jobs on all cards may take of this one's memory; none of a processor."""
    if device == "cpu":
        return 0
    return CARD_SHARE * free_on_card(device) / -(-at_once // max(1, torch.cuda.device_count()))


def free_on_card(device: str) -> int:
    """Bytes of the graphics card's memory that nobody uses."""
    # What torch keeps of the last job would not count as free.
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(torch.device(device))[0]


def refuse_too_large(job: Job, needed: int) -> None:
    """Raises PhotoError with both figures if a job does not fit."""
    if job.memory_limit is not None and needed > job.memory_limit:
        raise PhotoError(
            f"Restoring {shown(job.source)} takes about {needed / GB:.1f} GB of memory and "
            f"{job.memory_limit / GB:.1f} GB are allowed; raise the limit or take a smaller "
            "photo."
        )
    free = free_bytes()
    if free is None:
        return
    # What a process's jobs hold together is theirs already; each has a share of it and of what is
    # free.
    held = (held_bytes() - PROGRAM) // (job.in_process or job.at_once)
    share = PROGRAM + held + free // job.at_once
    if needed > share:
        each = f" for each of {job.at_once} photos at once" if job.at_once > 1 else ""
        fewer = "take fewer at once" if each else "close other programs"
        told = share if each else free
        raise PhotoError(
            f"Restoring {shown(job.source)} takes about {needed / GB:.1f} GB of memory and "
            f"{told / GB:.1f} GB are free{each}; {fewer} or take a smaller photo."
        )


def free_bytes() -> int | None:
    """What other programs leave; all there is where only that is known; None if nothing is."""
    free = _told_by_linux("/proc/meminfo", "MemAvailable")
    if free is not None:
        return free
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def held_bytes() -> int:
    """What this process has taken already."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def peak_bytes() -> int | None:
    """The most that this process has held; None if the system does not tell."""
    return _told_by_linux("/proc/self/status", "VmHWM")


def _told_by_linux(file: str, name: str) -> int | None:
    """Bytes, from a line like "VmHWM:  1234 kB"; None on other systems."""
    try:
        facts = Path(file).read_text(encoding="ascii").splitlines()
        line = next(line for line in facts if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None
