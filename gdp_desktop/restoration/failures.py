"""What a user is told when something that was asked for did not come about."""

from __future__ import annotations

from gdp_desktop.diffusion.checkpoints import CheckpointError
from gdp_desktop.image.errors import PhotoError, is_out_of_memory, one_line, unexpected
from gdp_desktop.tasks.param import TaskError

# Their text already says what is wrong and what to do.
FORESEEN = (PhotoError, TaskError, CheckpointError)


def sentence_of(error: Exception, subject: str) -> str:
    """One sentence about what became of ``subject``, a photo or whatever else was at work."""
    if isinstance(error, FORESEEN):
        return one_line(error)
    if is_out_of_memory(error):
        return (
            f"{subject}: There is not enough memory; close other programs or take a smaller photo."
        )
    return unexpected(subject, error)
