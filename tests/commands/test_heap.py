"""Freed blocks are kept for the next window."""

import subprocess
import sys

import pytest

FAULTS = """
import mmap, resource
{settle}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * (48 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults() * mmap.PAGESIZE >> 20)
"""
SETTLE = "from gdp_desktop.commands.heap import keep_freed_memory; keep_freed_memory()"


def megabytes_faulted_in(settle: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(settle=settle)], capture_output=True, text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_a_block_asked_for_again_is_not_faulted_in_anew() -> None:
    if megabytes_faulted_in("") < 40:
        pytest.skip("this C library keeps freed blocks anyway")
    assert megabytes_faulted_in(SETTLE) <= 1
