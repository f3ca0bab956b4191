"""What can go wrong with a file, said in one sentence to the person who chose it."""

import os
import traceback
from pathlib import Path


class PhotoError(Exception):
    """A file cannot be read or written; its text says what is wrong and what to do."""


class PhotoExistsError(PhotoError, FileExistsError):
    """The file to be written is already there and nobody agreed to replace it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was not enough memory: Python's own error, those of torch, whose class or text
    tells, and OpenCV's, whose text does."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    texts = (
        "can't allocate memory", "not enough memory", "Insufficient memory", "bad allocation",
        "CUDA error: out of memory", "ALLOC_FAILED",
    )
    library = isinstance(error, RuntimeError) or type(error).__module__ == "cv2"
    return named or (library and any(text in str(error) for text in texts))


def unexpected(subject: str, error: Exception) -> str:
    """The sentence for an error that nobody foresaw; its traceback goes to the standard error if
    GDP_DEBUG is set."""
    if os.environ.get("GDP_DEBUG"):
        traceback.print_exception(error)
    return (
        f"{subject} failed unexpectedly ({type(error).__name__}: {one_line(error)}); "
        "please report it."
    )


def one_line(error: object) -> str:
    return " ".join(str(error).split())


def shown(path: str | os.PathLike[str]) -> str:
    """The last part of ``path`` as text that any log, terminal or label can hold."""
    return printable(Path(path).name or str(path))


def printable(path: str | os.PathLike[str]) -> str:
    """``path`` with everything unprintable (newlines, bytes that are no UTF-8) escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in os.fspath(path)
    )
