"""Fetching a prior of the catalogue: only when asked, only over https, and resumable."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from gdp_desktop import __version__
from gdp_desktop.diffusion.checkpoints import CheckpointError, sha256_of
from gdp_desktop.image.errors import one_line
from gdp_desktop.priors.catalogue import Known, known_named, offered
from gdp_desktop.priors.checks import refuse_no_answer
from gdp_desktop.priors.formats import read_prior
from gdp_desktop.priors.importing import OnBytes, refuse_full_disk, writing_failed
from gdp_desktop.priors.places import made_user_folder
from gdp_desktop.priors.records import write_receipt
from gdp_desktop.priors.shelf import PriorInfo, describe

CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds without a byte
HERE = {"localhost", "127.0.0.1", "::1"}
GO_ON = "trying again goes on from there"


def downloadable(name: str) -> Known:
    """The catalogue's entry.  Raises CheckpointError if nothing of that name can be fetched."""
    known = known_named(name)
    if known is None:
        names = ", ".join(entry.name for entry in offered())
        raise CheckpointError(f'There is no "{name}" to download; choose one of {names}.')
    if not known.url:
        raise CheckpointError(
            f"{known.file} has no lasting address; get it from its authors ({known.home}) and use "
            "priors import."
        )
    return known


def download(known: Known, on_bytes: OnBytes = lambda done, total: None) -> PriorInfo:
    """Fetches the file into the user's folder, goes on with an earlier attempt, and checks it.

    Whoever calls has shown ``known.terms`` to the user, who agreed.  ``on_bytes`` hears (done,
    total) and may raise to stop; what has arrived is kept for the next attempt.  Raises
    CheckpointError with one sentence.
    """
    folder = made_user_folder()
    target, part = folder / known.file, folder / (known.file + ".part")
    if os.path.lexists(target):
        raise CheckpointError(
            f"{known.file} is in {folder} already; see whether it is whole with priors verify."
        )
    fetch(known.url, part, on_bytes)
    if (sha256 := sha256_of(part)) != known.sha256:
        part.unlink()
        raise CheckpointError(
            f"What was downloaded is not {known.file} (its sha256 is another), so it was thrown "
            "away; try again later."
        )
    refuse_no_answer(read_prior(part), known.file)
    try:
        os.rename(part, target)
    except OSError as error:
        raise CheckpointError(writing_failed(error, folder)) from error
    write_receipt(target, {known.file: sha256}, known.url, known.terms)
    return describe(target)


def fetch(url: str, part: Path, on_bytes: OnBytes) -> None:
    """Appends to ``part`` what is missing of the file at ``url``.

    Raises CheckpointError: no network, a broken connection, a web page instead of the file, a
    full disk.
    """
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(_checked(url), headers={
        "User-Agent": f"gdp-desktop/{__version__}", "Accept-Encoding": "identity",
    })
    if start:
        request.add_header("Range", f"bytes={start}-")
    host = urlsplit(url).hostname
    try:
        with urllib.request.build_opener(_OnlySafeRedirects).open(
            request, timeout=TIMEOUT
        ) as response:
            total = _receive(response, part, start, on_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return  # nothing is missing
        raise CheckpointError(
            f"The server {host} refused the download ({error.code} {error.reason}); try again "
            "later."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise CheckpointError(
            f"The download from {host} broke off or could not begin ({one_line(reason)}); look at "
            f"your connection, and {GO_ON}."
        ) from error
    if total and (size := part.stat().st_size) < total:
        raise CheckpointError(
            f"The connection to {host} broke after {size / 1e6:.1f} of {total / 1e6:.1f} MB; "
            f"{GO_ON}."
        )


def _receive(response: http.client.HTTPResponse, part: Path, start: int, on_bytes: OnBytes) -> int:
    """Writes the body and returns how long the whole file is, 0 if the server does not say."""
    if response.headers.get_content_type() == "text/html":
        raise _web_page(response.url)
    content_range = response.headers.get("Content-Range", "")
    if response.status != http.client.PARTIAL_CONTENT or not content_range.startswith(
        f"bytes {start}-"
    ):
        start = 0  # the server sends all of it
    length = int(response.headers.get("Content-Length") or 0)
    total = start + length if length else 0
    refuse_full_disk(part.parent, length)
    try:
        file = part.open("ab" if start else "wb")
    except OSError as error:
        raise CheckpointError(writing_failed(error, part.parent)) from error
    with file:
        done = start
        while chunk := response.read1(CHUNK):
            if done == 0 and chunk.lstrip()[:1] == b"<":
                raise _web_page(response.url)
            _write(file, chunk, part.parent)
            done += len(chunk)
            on_bytes(done, total)
    return total


def _write(file: IO[bytes], chunk: bytes, folder: Path) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise CheckpointError(f"{writing_failed(error, folder)[:-1]}, {GO_ON}.") from error


def _web_page(url: str) -> CheckpointError:
    return CheckpointError(
        f"{urlsplit(url).hostname} sent a web page instead of the file, as a login or a hotel's "
        "network does; open it in a browser first, or try another network."
    )


def _checked(url: str) -> str:
    address = urlsplit(url)
    if address.scheme == "https" or (address.scheme == "http" and address.hostname in HERE):
        return url
    raise CheckpointError(
        f"The address {one_line(url)} is not encrypted (https) and was not opened; report it."
    )


class _OnlySafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: http.client.HTTPMessage, newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _checked(newurl)
        except CheckpointError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)
