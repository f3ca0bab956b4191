"""Files written whole or not at all, and never over another unless that is asked for."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from gdp_desktop.image.errors import PhotoError, PhotoExistsError, printable, shown

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_MISSING = {errno.ENOENT, errno.ENOTDIR}


def is_disk_full(error: OSError) -> bool:
    """Whether a disk, a quota or what a file system allows a file to be is used up."""
    return error.errno in _FULL


def refuse_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise PhotoError when ``path`` is clearly not a place to write to, before the long work."""
    path = Path(path)
    if not os.path.isdir(path.parent):
        raise PhotoError(
            f"The folder {printable(path.parent)} does not exist; choose another folder."
        )
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise PhotoError(f"{shown(path)} is not an ordinary file; choose another name.")
    if not os.access(_target(path, overwrite).parent, os.W_OK):
        raise PhotoError(_read_only(path))


def atomic_write(path: str | os.PathLike[str], data: bytes, *, overwrite: bool) -> None:
    """Put a file of these bytes at ``path``: complete and on the disk, or not at all.

    With ``overwrite`` an old file keeps its permissions, and a link leads on to what it names.
    Without it nothing is replaced, even if it appears in the meantime. Raises PhotoError, and
    PhotoExistsError in that last case; no half-written file is left behind.
    """
    path = Path(path)
    refuse_target(path, overwrite=overwrite)
    target = _target(path, overwrite)
    # Short and independent of the target's name, which may fill all 255 bytes.
    part = target.parent / f".gdp-{secrets.token_hex(6)}.part"
    try:
        _write_synced(part, data)
        if overwrite:
            _keep_mode(part, target)
            os.replace(part, target)
        else:
            _put_without_replacing(part, target)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise PhotoError(_sentence(error, path, len(data))) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    _sync_folder(target.parent)


def _target(path: Path, overwrite: bool) -> Path:
    return Path(os.path.realpath(path)) if overwrite else path


def _write_synced(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_mode(part: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))


def _put_without_replacing(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        # Memory cards and some network drives know no hard links: reserve the name instead.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            os.replace(part, target)
        except BaseException:
            os.unlink(target)
            raise


def _sync_folder(folder: Path) -> None:
    # Not every system can sync a folder; the file's own bytes are safe already.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(path: Path) -> PhotoExistsError:
    return PhotoExistsError(f"{shown(path)} already exists; choose another name.")


def _read_only(path: Path) -> str:
    folder = printable(path.parent)
    return f"{shown(path)} cannot be written, as {folder} is read-only; choose another folder."


def _sentence(error: OSError, path: Path, size: int) -> str:
    name, folder = shown(path), printable(path.parent)
    if is_disk_full(error):
        megabytes = -(-size // 1_000_000)
        return f"The disk is full: {name} needs {megabytes} MB; nothing was written."
    if error.errno in _FORBIDDEN:
        return _read_only(path)
    if error.errno in _MISSING:
        return f"The folder {folder} does not exist; choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {name} is too long; choose a shorter one."
    return f"{name} cannot be written ({error.strerror or error}); choose another folder."
