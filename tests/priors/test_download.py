"""Downloading, from a server on this machine that can misbehave."""

from __future__ import annotations

import errno
import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gdp_desktop.priors import catalogue, download, importing
from gdp_desktop.priors.catalogue import Known
from gdp_desktop.priors.checks import verify
from gdp_desktop.priors.download import downloadable, fetch
from tests.contents import contents

from .conftest import put_adm, refusal


@dataclass
class Server:
    """What is served and how; ``asked`` holds the Range header of every request."""

    data: bytes
    url: str = ""
    cut: int | None = None
    knows_ranges: bool = True
    kind: str = "application/octet-stream"
    status: int = 200
    redirect: str = ""
    asked: list[str | None] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.knows_ranges else 0
        if self.redirect:
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.end_headers()
            return
        if start and start >= len(self.data):
            handler.send_error(416)
            return
        status = 206 if start else self.status
        handler.send_response(status)
        if status == 206:
            handler.send_header(
                "Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
            )
        handler.send_header("Content-Type", self.kind)
        handler.send_header("Content-Length", str(len(self.data) - start))
        handler.end_headers()
        handler.wfile.write(self.data[start : self.cut])


@pytest.fixture
def server(given: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served = Server(put_adm(given).read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        served.url = f"http://127.0.0.1:{listening.server_port}/tiny-adm.pt"
        yield served
        listening.shutdown()
        thread.join()


@pytest.fixture
def known(server: Server) -> Known:
    return Known(
        "tiny-adm", "Tiny", "tiny-adm.pt", 1, 1, len(server.data), "research only",
        "For research only.", hashlib.sha256(server.data).hexdigest(), server.url,
        "https://example.org",
    )


def test_whole(server: Server, known: Known, models: Path) -> None:
    heard: list[tuple[int, int]] = []
    info = download.download(known, lambda done, total: heard.append((done, total)))
    assert (models / known.file).read_bytes() == server.data
    assert info.name == "tiny-adm" and heard[-1] == (len(server.data), len(server.data))
    assert set(contents(models)) == {known.file, "tiny-adm.receipt.json"}
    assert verify(models / known.file).compared_with == "received"
    assert server.asked == [None]
    assert "already" in refusal(download.download, known)


def test_a_cut_connection_is_taken_up_again(server: Server, known: Known, models: Path) -> None:
    server.cut = 5000
    assert "goes on from there" in refusal(download.download, known)
    assert contents(models) == {"tiny-adm.pt.part": server.data[:5000]}
    server.cut = None
    download.download(known)
    assert (models / known.file).read_bytes() == server.data
    assert server.asked == [None, "bytes=5000-"]


def test_a_second_break_keeps_more_than_the_first(
    server: Server, known: Known, models: Path
) -> None:
    heard: list[tuple[int, int]] = []
    for cut in (5000, len(server.data) - 100):
        server.cut = cut
        said = refusal(download.download, known, lambda *told: heard.append(told))
        assert "goes on from there" in said
        assert contents(models) == {"tiny-adm.pt.part": server.data[:cut]}
    assert {total for _, total in heard} == {len(server.data)}
    assert max(done for done, _ in heard) == cut


@pytest.mark.parametrize("status", [200, 206])
def test_a_server_without_ranges_sends_all_again(
    status: int, server: Server, known: Known, models: Path
) -> None:
    models.mkdir()
    (models / "tiny-adm.pt.part").write_bytes(b"something older")
    server.knows_ranges, server.status = False, status
    download.download(known)
    assert (models / known.file).read_bytes() == server.data


def test_what_had_arrived_whole_is_only_checked(
    server: Server, known: Known, models: Path
) -> None:
    models.mkdir()
    (models / "tiny-adm.pt.part").write_bytes(server.data)
    download.download(known)
    assert (models / known.file).read_bytes() == server.data


def test_another_file_is_thrown_away(server: Server, known: Known, models: Path) -> None:
    server.data = server.data[:-1] + b"\x07"
    assert "sha256" in refusal(download.download, known)
    assert contents(models) == {}


def test_a_wrong_beginning_does_not_stay(server: Server, known: Known, models: Path) -> None:
    models.mkdir()
    (models / "tiny-adm.pt.part").write_bytes(b"wrong" * 100)
    assert "sha256" in refusal(download.download, known)
    assert contents(models) == {}
    download.download(known)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_prior(
    kind: str, server: Server, known: Known, models: Path
) -> None:
    server.data, server.kind = b"\n<html><body>Please log in</body></html>", kind
    assert "web page" in refusal(download.download, known)
    assert not any(contents(models).values())


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_the_server_refuses(status: int, server: Server, known: Known, models: Path) -> None:
    server.status = status
    assert str(status) in refusal(download.download, known)
    assert contents(models) == {}


def test_no_network(known: Known, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*given: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    models.mkdir()
    (models / "tiny-adm.pt.part").write_bytes(b"begun")
    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert "connection" in refusal(download.download, known)
    assert contents(models) == {"tiny-adm.pt.part": b"begun"}


def test_silence_ends(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(download, "TIMEOUT", 0.1)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        assert "timed out" in refusal(download.download, replace(known, url=url))


def test_a_full_disk_keeps_what_there_is(
    server: Server, known: Known, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, data: bytes) -> int:
            if self.tell() >= 4000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:4000])

    opened = Path.open
    monkeypatch.setattr(download.Path, "open", lambda self, mode="r", **options: (
        Full(self, mode) if self.name.endswith(".part") and mode != "rb"
        else opened(self, mode, **options)
    ))
    monkeypatch.setattr(download, "CHUNK", 4000)
    assert "disk is full" in refusal(download.download, known)
    monkeypatch.undo()
    monkeypatch.setenv("GDP_MODELS", str(models))
    assert contents(models) == {"tiny-adm.pt.part": server.data[:4000]}
    download.download(known)


def test_too_little_room_is_noticed_before(
    known: Known, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = importing.shutil.disk_usage(models.parent)
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda path: usage._replace(free=10))
    assert "too full" in refusal(download.download, known)
    assert contents(models) == {}


def test_stopping_keeps_what_has_arrived(server: Server, known: Known, models: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.download(known, stop)
    part = (models / "tiny-adm.pt.part").read_bytes()
    assert part and server.data.startswith(part)


@pytest.mark.parametrize("url", [
    "http://example.org/a.pt", "ftp://example.org/a.pt", "file:///etc/hostname", "a.pt",
])
def test_only_https_is_opened(url: str, tmp_path: Path) -> None:
    assert "https" in refusal(fetch, url, tmp_path / "a.part", lambda done, total: None)
    assert contents(tmp_path) == {}


def test_a_redirect_away_from_https_is_not_followed(server: Server, tmp_path: Path) -> None:
    server.redirect = "http://example.org/a.pt"
    assert "https" in refusal(fetch, server.url, tmp_path / "a.part", lambda done, total: None)


def test_what_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert downloadable("256x256_diffusion_uncond").sha256.startswith("a37c32ff")
    assert downloadable("ffhq_10m").sha256.startswith("81d53574")
    assert "256x256_diffusion_uncond" in refusal(downloadable, "something")
    only_imported = replace(catalogue.CATALOGUE[0], url="")
    monkeypatch.setattr(catalogue, "CATALOGUE", (only_imported,))
    assert "priors import" in refusal(downloadable, only_imported.name)
    monkeypatch.setattr(catalogue, "CATALOGUE", ())
    refusal(downloadable, "256x256_diffusion_uncond")
