"""Where the tests of this room put their files, and where real photos may lie."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "data" / "examples"


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """put(name, data) writes a file in a folder of its own and tells where."""
    folder = tmp_path / "photos"
    folder.mkdir()

    def write(name: str, data: bytes) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def example() -> Callable[[str], Path]:
    """example(name) is a real photo; the test is skipped where there is none."""

    def find(name: str) -> Path:
        path = EXAMPLES / name
        if not path.is_file():
            pytest.skip("the example photos are not here")
        return path

    return find


def raising(code: int) -> Callable[..., None]:
    """To be put in the place of what an operating system refuses."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail
