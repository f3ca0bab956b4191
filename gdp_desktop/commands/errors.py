"""The ways in which a command can end without doing what it was asked, each one sentence."""

from __future__ import annotations

FAILED, BAD_USAGE, INTERRUPTED = 1, 2, 130


class BadUsage(Exception):
    """The request as a whole cannot be; nothing was started."""


class Refused(Exception):
    """The request is well-formed, but what it needs is not there."""
