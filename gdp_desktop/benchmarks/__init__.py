"""What can be measured with ``bench``; a benchmark is one entry here and a module of its name.

The module has ``plan(request) -> Plan``.  It is imported only when it runs, as it imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Benchmark:
    """``photos`` says which of a folder's are measured; "" where it makes its own.  ``lists`` are
    its own options, each a comma-separated list, and ``files`` those that take a file: name to
    help."""

    name: str
    help: str
    crop: int = 256
    lists: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    photos: str = "those marked val in its SOURCES.csv, without one every 25th"


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "denoising",
            "white noise removed by one evaluation of the prior, BM3D, FFDNet and non-local means",
            lists={
                "sigmas": "noise levels of 255 (default 5,10,15,25,50,75)",
                "methods": "of noisy, nlm, bm3d, ffdnet, prior (default: all)",
            },
            files={"ffdnet": "FFDNet's weights for colour photos, which do not come along"},
        ),
        Benchmark(
            "restoration",
            "every kind of damage restored by the program and by methods without a prior",
            crop=128,
            lists={
                "tasks": "kinds of damage (default: all)",
                "methods": "of the program's (default: that of each task); see the command methods",
                "steps": "numbers of steps (default: those of each method and task)",
            },
        ),
        Benchmark(
            "memory",
            "the main memory that every task takes, beside what it was said to take",
            photos="",
            lists={
                "sizes": "megapixels of the results (default 1,3,6)",
                "trials": "of the tasks and settings (default: all)",
            },
        ),
        Benchmark(
            "published",
            "the default beside GDP, DiffPIR and DPS as published: quality, and times as long",
            crop=4096,
            lists={
                "sizes": "of the pictures (default 600x400,1900x1060); no side exceeds --crop",
                "tasks": "kinds of damage (default: all)",
                "methods": "of default, gdp-x0, deepinv-diffpir, deepinv-dps (default: all)",
                "steps": "for each size, how many first steps of the published methods are timed "
                         "to tell the time of all; no quality then (default all)",
            },
        ),
        Benchmark(
            "speed",
            "time and memory of whole jobs beside what the network and the machine could do",
            photos="",
            lists={"sizes": "megapixels (default 0.25,1,3,6,12,24)"},
        ),
        Benchmark(
            "shortcuts",
            "what each shortcut of the default method costs in quality",
            crop=512,
            lists={"tasks": "of low-light, noise-25, inpainting-25, sr4-mean (default: all)"},
        ),
        Benchmark(
            "tuning",
            "settings of the methods compared with, on training photos",
            crop=128,
            photos="those that are not marked val in its SOURCES.csv",
        ),
    )
}
