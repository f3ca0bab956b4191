"""What can go wrong with a file, said in one sentence to the person who chose it."""

import os
from pathlib import Path


class PhotoError(Exception):
    """A file cannot be read or written; its text says what is wrong and what to do."""


class PhotoExistsError(PhotoError, FileExistsError):
    """The file to be written is already there and nobody agreed to replace it."""


def shown(path: str | os.PathLike[str]) -> str:
    """The last part of `path` as text that any log, terminal or label can hold."""
    return printable(Path(path).name or str(path))


def printable(path: str | os.PathLike[str]) -> str:
    """`path` with everything unprintable (newlines, bytes that are no UTF-8) escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in os.fspath(path)
    )
