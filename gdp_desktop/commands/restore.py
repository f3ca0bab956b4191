"""``restore``: photos in, restored photos and reports out."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from gdp_desktop.commands.companions import Restore, accompanied_by, here
from gdp_desktop.commands.costs import in_words, tell_costs
from gdp_desktop.commands.errors import INTERRUPTED, BadUsage
from gdp_desktop.commands.inputs import (
    Input,
    Place,
    Targets,
    meant_photos,
    meant_scenes,
    place_for,
)
from gdp_desktop.commands.progress import Line, Lines, duration
from gdp_desktop.commands.request import Request, request_from
from gdp_desktop.diffusion.at_once import cores, sharing_cores
from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import (
    PhotoError,
    one_line,
    printable,
    shown,
)
from gdp_desktop.restoration.failures import sentence_of
from gdp_desktop.restoration.job import (
    Cancelled,
    CancelToken,
    Cost,
    Job,
    Progress,
    Report,
)
from gdp_desktop.restoration.memory import PROGRAM, free_bytes
from gdp_desktop.tasks import task_named
from gdp_desktop.tasks.param import TaskError

# Work that takes longer is announced.
LONG_SECONDS = 60
# A companion takes more than two seconds of a core to begin, and spares a twentieth of the two
# that a photo of a quarter of a megapixel takes; with more cores it spares more.
FEWEST_ACCOMPANIED = 24

TellCost = Callable[[Path, Cost], None]
# ``map``, or one like it.
Apply = Callable[[Callable[["Turn"], Report | None], Iterable["Turn"]], Iterator[Report | None]]


def run(options: argparse.Namespace) -> int:
    try:
        request = request_from(options)
    except (PhotoError, TaskError, CheckpointError) as error:
        raise BadUsage(one_line(error)) from error
    inputs = inputs_from(options)
    if options.estimate:
        return tell_costs(inputs, request, options.samples, options.json)
    photos = [path for found in inputs for path in (found.path, *found.others) if not found.error]
    # A photo that cannot be found is not tried again for every sample.
    wanted = [
        (found, sample) for found in inputs
        for sample in range(1, 1 + (options.samples if found.error is None else 1))
    ]
    place = place_for(len(wanted), options.output) if options.output and photos else Place()
    protected = [*photos, options.mask] if options.mask else photos
    targets = Targets(protected, place, options.overwrite)
    teller = _Teller(options.json, many=len(wanted) > 1)
    tell_cost = None if options.json else teller.tell_cost
    # More than there are cores would only take more memory.
    jobs = max(1, min(options.jobs, len(wanted), cores()))
    unstarted = 0
    companions = companions_for(len(wanted), jobs, request.devices)
    with (
        cancelled_by_ctrl_c() as cancel, accompanied_by(companions, cores() // jobs) as workers,
        in_order(jobs) as apply,
    ):
        lines, devices = Lines(len(wanted), jobs), Devices(request.devices, jobs)

        def one(turn: Turn) -> Report | None:
            if cancel.is_cancelled:
                return None
            if isinstance(turn.work, Report):
                return turn.work
            with (
                lines.of(turn.number, turn.work.source) as line, workers.one() as work,
                devices.one() as device,
            ):
                request = turn.request.on(device)
                job = replace(turn.work, recipe=request.recipe)
                return restored(job, request, cancel, line, tell_cost, work)

        for report in apply(one, turns(wanted, request.among(jobs), targets)):
            if report is None:
                unstarted += 1
            else:
                lines.clear()
                teller.tell(report)
    if cancel.is_cancelled:
        teller.tell_unstarted(unstarted)
        return INTERRUPTED
    return teller.finish()


@dataclass(frozen=True)
class Turn:
    """What is to be done for one photo or scene, or the report if nothing can be."""

    number: int
    work: Job | Report
    request: Request


def turns(
    wanted: Sequence[tuple[Input, int]], asked: Request, targets: Targets
) -> Iterator[Turn]:
    """One after the other, so that results get their names in the order of the photos."""
    for number, (found, sample) in enumerate(wanted):
        request = asked.sampled(sample)
        if found.error is not None:
            yield Turn(number, request.failed(found.path, found.error), request)
            continue
        try:
            output = targets.claim(found.path, request.sample)
        except PhotoError as error:
            yield Turn(number, request.failed(found.path, one_line(error)), request)
            continue
        job = Job(
            found.path, request.recipe, request.mask, found.others, output=output,
            overwrite=request.overwrite, memory_limit=request.memory_limit,
            at_once=request.jobs,
        )
        yield Turn(number, job, request)


class Devices:
    """As many places as there are jobs at once, shared out evenly between several graphics cards; a
    job that ends leaves its place to the next one."""

    def __init__(self, devices: Sequence[str], jobs: int) -> None:
        self._free: SimpleQueue[str] = SimpleQueue()
        for place in range(jobs):
            self._free.put(devices[place % len(devices)])

    @contextmanager
    def one(self) -> Iterator[str]:
        device = self._free.get()
        try:
            yield device
        finally:
            self._free.put(device)


@contextmanager
def in_order(jobs: int) -> Iterator[Apply]:
    """A ``map`` that does so many jobs at once; answers come in the order of the questions."""
    if jobs == 1:
        yield map
        return
    with sharing_cores(jobs) as pool:
        yield pool.map


def inputs_from(options: argparse.Namespace) -> list[Input]:
    """What is to be restored: photos one by one, or scenes where the task or the user says so."""
    fewest, most = task_named(options.task).others
    if options.scene and not most:
        raise BadUsage(f'"{options.task}" takes one photo at a time; leave --scene out.')
    of_scenes = options.scene or fewest > 0
    meant = meant_scenes if of_scenes else meant_photos
    # Who gives nothing else means the photo itself as its mask.
    return meant(options.inputs, options.mask) or meant(options.inputs)


def companions_for(photos: int, jobs: int, devices: Sequence[str]) -> int:
    """How many processes beside this one are worth their beginning.  A graphics card would have to
    hold the prior once more for each; of the memory that is free they leave most."""
    on_card = any(device.startswith("cuda") for device in devices)
    if photos < FEWEST_ACCOMPANIED * jobs or on_card:
        return 0
    free = free_bytes()
    return jobs - 1 if free is None else min(jobs - 1, free // (4 * PROGRAM))


def restored(
    job: Job, request: Request, cancel: CancelToken, line: Line, tell_cost: TellCost | None = None,
    work: Restore = here,
) -> Report:
    """Restores one photo or scene; whatever goes wrong ends up in the report."""
    source = job.source

    def show(progress: Progress) -> None:
        line.show(progress.done / max(1, progress.total), progress.seconds_left)

    def tell(cost: Cost) -> None:
        if tell_cost:
            line.clear()
            tell_cost(source, cost)

    try:
        return work(job, cancel, show, tell)
    except (Cancelled, KeyboardInterrupt):
        cancel.cancel()
        return request.cancelled(source)
    except Exception as error:
        return request.failed(source, sentence_of(error, shown(source)))


@contextmanager
def cancelled_by_ctrl_c() -> Iterator[CancelToken]:
    """The first Ctrl-C stops between two windows, so that no file is left half-written."""
    token = CancelToken()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if token.is_cancelled:
            raise KeyboardInterrupt
        token.cancel()

    before = signal.getsignal(signal.SIGINT)
    # In the background of a script Ctrl-C is ignored, and is meant to be.
    if before in (None, signal.SIG_IGN):
        yield token
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)


class _Teller:
    """Says what became of each photo: results on standard output, errors on standard error."""

    def __init__(self, as_json: bool, many: bool) -> None:
        self.as_json, self.many = as_json, many
        self._done = self._failed = 0
        self._last_failure = ("", "")

    def tell(self, report: Report) -> None:
        # What is wrong with a photo is wrong for every sample of it, and told once.
        if report.status == "failed":
            failure = (report.input, report.error or "")
            if failure == self._last_failure:
                return
            self._last_failure = failure
        self._done += report.status == "done"
        self._failed += report.status == "failed"
        if self.as_json:
            print(json.dumps(asdict(report)), flush=True)
        elif report.status == "done":
            print(f"{printable(report.output or '')}  ({duration(report.seconds)})")
            for note in report.notes:
                print(f"  {note}")
        if report.error:
            named = self.many and report.input not in report.error
            prefix = f"{printable(report.input)}: " if named else ""
            print(f"{prefix}{report.error}", file=sys.stderr)

    def tell_cost(self, source: Path, cost: Cost) -> None:
        """Says what a photo will cost before the work, if that will be long."""
        if cost.seconds > LONG_SECONDS:
            print(f"{shown(source)}: {in_words(cost)}", file=sys.stderr, flush=True)

    def tell_unstarted(self, count: int) -> None:
        if count:
            were = "photo was" if count == 1 else "photos were"
            print(f"{count} {were} not started.", file=sys.stderr)

    def finish(self) -> int:
        if self.many and not self.as_json:
            print(f"{self._done} restored, {self._failed} failed.")
        return 1 if self._failed else 0
