"""The ways in which a command can end without doing what it was asked, each one sentence."""

from __future__ import annotations

import os
import traceback


class BadUsage(Exception):
    """The request as a whole cannot be; nothing was started."""


class Refused(Exception):
    """The request is well-formed, but what it needs is not there."""


def unexpected(subject: str, error: Exception) -> str:
    """The sentence for an error that nobody foresaw; its traceback if GDP_DEBUG is set."""
    if os.environ.get("GDP_DEBUG"):
        traceback.print_exception(error)
    return f"{subject} failed unexpectedly ({type(error).__name__}: {one_line(error)}); " \
           "please report it."


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
